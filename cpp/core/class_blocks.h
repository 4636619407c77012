#pragma once

#include <cstddef>

namespace coral_learn {

// Divides the classes into blocks that the kernels can take. Block sizes differ by at most one.
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

// Returns how many rows to process at a time: enough to use each weight often once it is in the
// cache, and few enough that one chunk takes at most about 30 ms on a small computer.
inline std::ptrdiff_t chunk_rows(std::ptrdiff_t classes, std::ptrdiff_t features) {
  constexpr std::ptrdiff_t kMinRows = 8, kMaxRows = 128, kProducts = 200'000'000;
  const std::ptrdiff_t rows = kProducts / (classes * features);
  return rows > kMaxRows ? kMaxRows : rows < kMinRows ? kMinRows : rows;
}

}  // namespace coral_learn
