#include "core/instruction_set.h"

#include <stdexcept>

#include "core/x86_features.h"

namespace coral_learn {

extern const Kernels baseline_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels;
extern const Kernels avx512_kernels;
#endif

std::vector<const Kernels*> runnable_kernels() {
  std::vector<const Kernels*> kernels;
#if defined(__x86_64__)
  const X86Features features = x86_features();
  if (features.avx512) kernels.push_back(&avx512_kernels);
  if (features.avx2) kernels.push_back(&avx2_kernels);
#endif
  kernels.push_back(&baseline_kernels);
  return kernels;
}

const Kernels& choose_kernels(const std::string& instruction_set) {
  std::string names;
  for (const Kernels* kernels : runnable_kernels()) {
    if (instruction_set.empty() || instruction_set == kernels->instruction_set) return *kernels;
    names += std::string(names.empty() ? "" : ", ") + kernels->instruction_set;
  }
  throw std::invalid_argument("instruction set " + instruction_set +
                              " is not one of those that this processor can run: " + names);
}

}  // namespace coral_learn
