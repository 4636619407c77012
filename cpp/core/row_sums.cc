#include "core/row_sums.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace coral_learn {
namespace {

double total_weight(const std::vector<std::uint32_t>& rows, const float* row_weights) {
  if (row_weights == nullptr) return static_cast<double>(rows.size());
  double total = 0;
  for (const std::uint32_t row : rows) total += row_weights[row];
  return total;
}

}  // namespace

RowSums::RowSums(const Execution& execution, std::ptrdiff_t classes, const LabeledEmbeddings& data,
                 std::vector<std::uint32_t> rows, const float* row_weights)
    : rows_(std::move(rows)),
      scale_(data.embeddings.scale),
      weight_(total_weight(rows_, row_weights)),
      head_(classes, data.embeddings.features),
      gradient_(execution, head_, data, std::max<std::ptrdiff_t>(1, rows_.size()),
                {row_weights, true}),
      weight_gradient_(classes, data.embeddings.features) {}

void RowSums::add_to(const SoftmaxHead& head, LossSums& sums) {
  if (rows_.empty()) return;
  std::copy_n(head.weights.data(), head.weights.size(), head_.weights.data());
  head_.biases = head.biases;
  gradient_.compute(rows_, weight_gradient_, 1, 0);
  sums.loss += gradient_.loss();
  sums.weight += weight_;
  for (std::ptrdiff_t c = 0; c < classes(); ++c) {
    const Eigen::Map<const Eigen::RowVectorXf> row(weight_gradient_.row(c), features());
    sums.weight_gradient.row(c) += scale_ * row.cast<double>();
    sums.bias_gradient[c] += gradient_.biases()[c];
  }
}

}  // namespace coral_learn
