#include "core/instruction_set.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "core/x86_features.h"

namespace coral_learn {
namespace {

TEST_CASE("the fastest kernels are chosen, or those that are named") {
  const std::vector<const Kernels*> runnable = runnable_kernels();
  REQUIRE_FALSE(runnable.empty());
  CHECK(&choose_kernels("") == runnable.front());
  for (const Kernels* kernels : runnable) {
    CHECK(&choose_kernels(kernels->instruction_set) == kernels);
  }
  CHECK_THROWS_AS(choose_kernels("sse9"), std::invalid_argument);
}

#if defined(__x86_64__) && !defined(_WIN32)  // where the library of Clang may be missing
TEST_CASE("the features of the processor are those that the compiler's own library finds") {
  const X86Features features = x86_features();
  CHECK(features.avx2 == (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")));
  CHECK(features.avx512 ==
        (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")));
}
#endif

}  // namespace
}  // namespace coral_learn
