#pragma once

#include <cstddef>

namespace coral_learn {

// Classes in blocks as large as the kernels take them, which differ in size by one at most.
class ClassBlocks {
 public:
  ClassBlocks(std::ptrdiff_t classes, std::ptrdiff_t class_block)
      : classes_(classes), count_((classes + class_block - 1) / class_block) {}

  std::ptrdiff_t count() const { return count_; }
  std::ptrdiff_t first(std::ptrdiff_t block) const { return block * classes_ / count_; }
  std::ptrdiff_t size(std::ptrdiff_t block) const { return first(block + 1) - first(block); }

 private:
  std::ptrdiff_t classes_;
  std::ptrdiff_t count_;
};

// Rows that are worked on at a time: enough to use each weight often once it is in the cache, and
// few enough that a step takes some 30 ms at most on a small computer.
inline std::ptrdiff_t chunk_rows(std::ptrdiff_t classes, std::ptrdiff_t features) {
  constexpr std::ptrdiff_t kMost = 128, kLeast = 8, kProducts = 200'000'000;
  const std::ptrdiff_t rows = kProducts / (classes * features);
  return rows > kMost ? kMost : rows < kLeast ? kLeast : rows;
}

}  // namespace coral_learn
