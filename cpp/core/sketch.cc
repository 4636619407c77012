#include "core/sketch.h"

#include <algorithm>

namespace coral_learn {
namespace {

constexpr std::ptrdiff_t kRows = 512;  // at a time, so that float32 sums stay exact enough

}  // namespace

Sketch sketch_of(const Execution& execution, const EmbeddingView& view,
                 const std::vector<std::uint32_t>& rows, const PaddedMatrix& signs) {
  const int type = static_cast<int>(view.type);
  const std::ptrdiff_t columns = signs.rows(), features = view.features;
  Sketch sketch{Eigen::MatrixXd::Zero(features, columns), Eigen::VectorXd::Zero(features)};
  PaddedMatrix factors(columns + 1, kRows);  // of each row: its products with the signs, and 1
  PaddedMatrix sums(columns + 1, features);
  std::vector<const void*> pointers;
  for (std::size_t first = 0; first < rows.size(); first += kRows) {
    const auto count = std::min<std::ptrdiff_t>(kRows, rows.size() - first);
    pointers.resize(count);
    for (std::ptrdiff_t i = 0; i < count; ++i) pointers[i] = view.row(rows[first + i]);
    const StoredRows stored{pointers.data(), count, features, view.zero_point};
    execution.kernels.multiply[type](stored, columns, signs.from_row(0), factors.from_row(0));
    std::fill_n(factors.row(columns), count, 1.0F);
    const std::ptrdiff_t blocks = (features + kBlockFeatures - 1) / kBlockFeatures;
    execution.for_each(blocks, [&](std::ptrdiff_t block, int) {
      execution.kernels.gradient[type](stored, columns + 1, block * kBlockFeatures,
                                       static_cast<const PaddedMatrix&>(factors).from_row(0),
                                       {sums.from_row(0), 1, 0});
    });
    for (std::ptrdiff_t k = 0; k < columns; ++k) {
      sketch.products.col(k) +=
          Eigen::Map<const Eigen::VectorXf>(sums.row(k), features).cast<double>();
    }
    sketch.total += Eigen::Map<const Eigen::VectorXf>(sums.row(columns), features).cast<double>();
  }
  const double scale = view.scale;
  sketch.products *= scale * scale;
  sketch.total *= scale;
  return sketch;
}

}  // namespace coral_learn
