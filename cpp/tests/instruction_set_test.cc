#include "core/instruction_set.h"

#include <doctest/doctest.h>

#include <stdexcept>

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

}  // namespace
}  // namespace coral_learn
