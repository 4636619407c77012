#include "core/moments.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace coral_learn {
namespace {

constexpr std::ptrdiff_t kMaxFeatures = 65'000;  // the sum of whose squares 32 bits hold

// Adds rows of float32, or of any type that count differently.
template <typename Stored>
void add_rows(const EmbeddingView& view, const float* row_weights, Moments& sums) {
  using Values = Eigen::Map<const Eigen::Matrix<Stored, Eigen::Dynamic, 1>>;
  Eigen::VectorXd values(view.features);
  for (std::ptrdiff_t row = 0; row < view.rows; ++row) {
    const Values stored(static_cast<const Stored*>(view.row(row)), view.features);
    values = stored.template cast<double>().array() - static_cast<double>(view.zero_point);
    const double square = values.squaredNorm();
    if (!std::isfinite(square)) throw NonFiniteEmbedding(row);
    const double weight = row_weights == nullptr ? 1 : row_weights[row];
    sums.weight += weight;
    sums.total += weight * values;
    sums.squares += weight * values.cwiseAbs2();
    sums.lengths += weight * std::sqrt(square);
    sums.zeros += square == 0 ? 1 : 0;
  }
}

// Sums of stored bytes, which are exact.
class ByteSums {
 public:
  static constexpr std::ptrdiff_t kMaxRows = 65'000;  // of squares of bytes, in 32 bits

  explicit ByteSums(std::ptrdiff_t features) : total_(features), squares_(features) {}

  struct Row {
    std::uint32_t total = 0;
    std::uint32_t squares = 0;
  };

  // flip: what makes a byte of the stored type one from 0 to 255, in order.
  Row add(const std::uint8_t* bytes, std::uint8_t flip) {
    Row row;
    for (std::size_t j = 0; j < total_.size(); ++j) {
      const std::uint16_t value = bytes[j] ^ flip;
      const auto square = static_cast<std::uint16_t>(value * value);
      total_[j] += value;
      squares_[j] += square;
      row.total += value;
      row.squares += square;
    }
    return row;
  }

  // Adds what there is so far, and starts again.
  void move_to(double zero_point, double rows, Moments& sums) {
    for (std::size_t j = 0; j < total_.size(); ++j) {
      const double total = std::exchange(total_[j], 0), squares = std::exchange(squares_[j], 0);
      sums.total[j] += total - rows * zero_point;
      sums.squares[j] += squares - 2 * zero_point * total + rows * zero_point * zero_point;
    }
  }

 private:
  std::vector<std::uint32_t> total_;
  std::vector<std::uint32_t> squares_;
};

void add_bytes(const EmbeddingView& view, Moments& sums) {
  const std::uint8_t flip = view.type == StoredType::kInt8 ? 128 : 0;
  const double zero_point = static_cast<double>(view.zero_point) + flip;
  const auto features = static_cast<double>(view.features);
  ByteSums bytes(view.features);
  for (std::ptrdiff_t first = 0; first < view.rows; first += ByteSums::kMaxRows) {
    const std::ptrdiff_t end = std::min(view.rows, first + ByteSums::kMaxRows);
    for (std::ptrdiff_t row = first; row < end; ++row) {
      const ByteSums::Row of_row = bytes.add(static_cast<const std::uint8_t*>(view.row(row)), flip);
      const double square =
          of_row.squares - 2 * zero_point * of_row.total + features * zero_point * zero_point;
      sums.lengths += std::sqrt(square);
      sums.zeros += square == 0 ? 1 : 0;
    }
    bytes.move_to(zero_point, static_cast<double>(end - first), sums);
  }
  sums.weight = static_cast<double>(view.rows);
}

}  // namespace

Moments moments_of(const EmbeddingView& view, const float* row_weights) {
  Moments sums;
  sums.total = sums.squares = Eigen::VectorXd::Zero(view.features);
  if (view.type == StoredType::kFloat32) {
    add_rows<float>(view, row_weights, sums);
  } else if (row_weights == nullptr && view.features < kMaxFeatures) {
    add_bytes(view, sums);
  } else if (view.type == StoredType::kUint8) {
    add_rows<std::uint8_t>(view, row_weights, sums);
  } else {
    add_rows<std::int8_t>(view, row_weights, sums);
  }
  const double scale = view.scale;
  sums.total *= scale;
  sums.squares *= scale * scale;
  sums.lengths *= scale;
  return sums;
}

}  // namespace coral_learn
