#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "bindings/execution.h"
#include "bindings/register.h"
#include "core/instruction_set.h"

namespace coral_learn {

void register_build_info(pybind11::module_& module) {
  const std::string instruction_set = initialize_execution().instruction_set;
  module.def(
      "build_info",
      [instruction_set] {
        std::vector<std::string> runnable;
        for (const Kernels* kernels : runnable_kernels()) {
          runnable.emplace_back(kernels->instruction_set);
        }
        pybind11::dict info;
        info["instruction_set"] = instruction_set;
        info["runnable_instruction_sets"] = runnable;
        info["compiler"] = CORAL_LEARN_COMPILER;
        return info;
      },
      "How the core was built, and which of its instruction sets is in use.");
}

}  // namespace coral_learn
