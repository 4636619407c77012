#include "core/variation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace coral_learn {
namespace {

constexpr Eigen::Index kAxes = 16;
constexpr std::size_t kMaxPoints = 1024;  // from which the axes are computed

// Reads the stored values of a row minus the zero point, [D].
void read_centered(const EmbeddingView& view, std::ptrdiff_t row, Eigen::Ref<Eigen::VectorXf> to) {
  const auto read = [&](auto value) {
    using Stored = Eigen::Matrix<decltype(value), Eigen::Dynamic, 1>;
    const auto* values = static_cast<const decltype(value)*>(view.row(row));
    to = Eigen::Map<const Stored>(values, view.features).template cast<float>().array() -
         view.zero_point;
  };
  switch (view.type) {
    case StoredType::kFloat32:  // NOLINT(bugprone-branch-clone): the types differ
      return read(float());
    case StoredType::kUint8:
      return read(std::uint8_t());
    default:
      return read(std::int8_t());
  }
}

// Returns some of the rows as columns, [D, N], shifted and scaled to mean 0 and spread 1.
Eigen::MatrixXf sample(const EmbeddingView& view, const std::vector<std::uint32_t>& rows,
                       const Variation& variation) {
  const std::size_t count = std::min(rows.size(), kMaxPoints);
  Eigen::MatrixXf points(view.features, count);
  const auto unit = static_cast<float>(view.scale / variation.spread);
  const Eigen::VectorXf mean = (variation.mean / variation.spread).cast<float>();
  for (std::size_t i = 0; i < count; ++i) {
    read_centered(view, rows[i * rows.size() / count], points.col(i));
    points.col(i) = unit * points.col(i) - mean;
  }
  return points;
}

}  // namespace

Variation variation_of(const EmbeddingView& view, const std::vector<std::uint32_t>& rows,
                       const std::vector<float>& weights) {
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(view.features);
  Eigen::VectorXf values(view.features);
  double squares = 0, count = 0;
  for (const std::uint32_t row : rows) {
    read_centered(view, row, values);
    const double square = values.cast<double>().squaredNorm();
    if (!std::isfinite(square)) throw NonFiniteEmbedding(row);
    const double weight = weights.empty() ? 1 : weights[row];
    sum += weight * values.cast<double>();
    squares += weight * square;
    count += weight;
  }
  const Eigen::VectorXd mean = sum / count;
  // If all rows are the same, rounding leaves about 1e-15 of the squares.
  const double variance = squares / count - mean.squaredNorm();
  const bool spread_out = variance > 1e-12 * squares / count;
  Variation variation{mean * view.scale, spread_out ? std::sqrt(variance) * view.scale : 1, {}};
  variation.axes = principal_axes(sample(view, rows, variation), kAxes);
  return variation;
}

}  // namespace coral_learn
