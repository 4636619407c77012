#include "core/batch_sampler.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <set>

namespace coral_learn {
namespace {

TEST_CASE("without replacement each row comes once per epoch, in a different order each time") {
  BatchSampler sampler(50, false, 3);
  std::set<std::vector<std::uint32_t>> epochs;
  for (int epoch = 0; epoch < 20; ++epoch) {
    std::vector<std::uint32_t> rows(50);
    for (std::uint32_t& row : rows) row = sampler.draw();
    CHECK(std::set<std::uint32_t>(rows.begin(), rows.end()).size() == 50);
    epochs.insert(rows);
  }
  CHECK(epochs.size() == 20);
}

TEST_CASE("every position in an epoch gets every row equally often") {
  BatchSampler sampler(4, false, 1);
  int counts[4][4] = {};
  for (int epoch = 0; epoch < 8000; ++epoch) {
    for (auto& place : counts) ++place[sampler.draw()];
  }
  for (const auto& place : counts) {
    for (const int count : place) CHECK(std::abs(count - 2000) < 6 * 39);  // 6 sigma
  }
}

TEST_CASE("with replacement a row can come twice in as many draws as there are rows") {
  BatchSampler sampler(50, true, 3);
  std::set<std::uint32_t> rows;
  for (int i = 0; i < 50; ++i) rows.insert(sampler.draw());
  CHECK(rows.size() < 45);
  CHECK(*rows.rbegin() < 50);
}

}  // namespace
}  // namespace coral_learn
