#include "core/random.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <vector>

namespace coral_learn {
namespace {

TEST_CASE("the generator gives the same numbers everywhere") {
  // From a plain translation of the algorithms' definitions into Python.
  Random random(42);
  CHECK(random.next() == 1546998764402558742ULL);
  CHECK(random.next() == 6990951692964543102ULL);
  CHECK(random.next() == 12544586762248559009ULL);
}

TEST_CASE("numbers below a bound are uniformly distributed") {
  for (const std::uint32_t bound : {1U, 3U, 10U, 1000U}) {
    Random random(bound);
    std::vector<int> counts(bound);
    const int draws = 2000 * static_cast<int>(bound);
    for (int i = 0; i < draws; ++i) {
      const std::uint32_t number = random.below(bound);
      REQUIRE(number < bound);
      ++counts[number];
    }
    for (const int count : counts) CHECK(std::abs(count - 2000) < 6 * 45);  // 6 sigma
  }
}

}  // namespace
}  // namespace coral_learn
