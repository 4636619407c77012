#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

#include "core/kernels.h"

namespace coral_learn {

inline std::ptrdiff_t round_up(std::ptrdiff_t value, std::ptrdiff_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// A row-major matrix of floats, initially zero. Its rows start at cache lines and end in padding
// for the kernels.
class PaddedMatrix {
 public:
  PaddedMatrix(std::ptrdiff_t rows, std::ptrdiff_t columns)
      : rows_(rows), columns_(columns), stride_(stride_of(columns)) {
    const std::ptrdiff_t size = rows * stride_;
    values_.reset(new (std::align_val_t(kAlignment)) float[size]());
  }

  PaddedMatrix(const PaddedMatrix& other) : PaddedMatrix(other.rows_, other.columns_) {
    std::copy_n(other.data(), size(), data());
  }
  PaddedMatrix(PaddedMatrix&&) noexcept = default;
  PaddedMatrix& operator=(PaddedMatrix&&) noexcept = default;

  std::ptrdiff_t rows() const { return rows_; }
  std::ptrdiff_t columns() const { return columns_; }
  std::ptrdiff_t stride() const { return stride_; }        // floats from one row to the next
  std::ptrdiff_t size() const { return rows_ * stride_; }  // padding included
  float* data() { return values_.get(); }
  const float* data() const { return values_.get(); }

  float* row(std::ptrdiff_t row) { return data() + row * stride_; }
  const float* row(std::ptrdiff_t row) const { return data() + row * stride_; }

  MatrixBlock<float> from_row(std::ptrdiff_t row) { return {this->row(row), stride_}; }
  MatrixBlock<const float> from_row(std::ptrdiff_t row) const { return {this->row(row), stride_}; }

 private:
  static constexpr std::size_t kAlignment = 64;

  struct Free {
    void operator()(float* values) const {
      ::operator delete[](values, std::align_val_t(kAlignment));
    }
  };

  // An odd number of cache lines: rows at a distance that is a power of two would compete for the
  // same few lines of the first-level cache.
  static std::ptrdiff_t stride_of(std::ptrdiff_t columns) {
    const std::ptrdiff_t padded = round_up(columns, kPadding);
    return padded % (2 * kPadding) == 0 ? padded + kPadding : padded;
  }

  std::ptrdiff_t rows_;
  std::ptrdiff_t columns_;
  std::ptrdiff_t stride_;
  std::unique_ptr<float[], Free> values_;
};

}  // namespace coral_learn
