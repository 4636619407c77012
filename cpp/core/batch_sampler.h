#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "core/random.h"

namespace coral_learn {

// Draws random rows. With replacement, each draw is from all rows; without, every row is drawn once
// before any row is drawn again.
class BatchSampler {
 public:
  BatchSampler(std::uint32_t rows, bool with_replacement, std::uint64_t seed)
      : random_(seed), rows_(rows) {
    if (with_replacement) return;
    order_.resize(rows);
    std::iota(order_.begin(), order_.end(), 0);
  }

  std::uint32_t draw() {
    if (order_.empty()) return random_.below(rows_);
    // One step of a Fisher-Yates shuffle. The next epoch shuffles the order that this one leaves.
    const std::uint32_t other = next_ + random_.below(rows_ - next_);
    std::swap(order_[next_], order_[other]);
    const std::uint32_t row = order_[next_];
    next_ = next_ + 1 == rows_ ? 0 : next_ + 1;
    return row;
  }

 private:
  Random random_;
  std::uint32_t rows_;
  std::vector<std::uint32_t> order_;  // empty with replacement
  std::uint32_t next_ = 0;
};

}  // namespace coral_learn
