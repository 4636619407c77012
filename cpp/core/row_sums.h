#pragma once

#include <cstdint>
#include <vector>

#include "core/batch_gradient.h"
#include "core/loss_sums.h"

namespace coral_learn {

// The loss of heads on some rows in memory.
class RowSums {
 public:
  // rows: of the data, any number. row_weights: [N], how much each row of the data counts; null for
  // 1. The kernels, threads and arrays must outlive the object.
  RowSums(const Execution& execution, std::ptrdiff_t classes, const LabeledEmbeddings& data,
          std::vector<std::uint32_t> rows, const float* row_weights);

  // gradient_ refers to head_.
  RowSums(const RowSums&) = delete;
  RowSums& operator=(const RowSums&) = delete;

  void add_to(const SoftmaxHead& head, LossSums& sums);

  std::ptrdiff_t classes() const { return head_.classes(); }
  std::ptrdiff_t features() const { return head_.features(); }

 private:
  const std::vector<std::uint32_t> rows_;
  const double scale_;
  double weight_;
  SoftmaxHead head_;  // a copy of that whose loss is computed
  BatchGradient gradient_;
  PaddedMatrix weight_gradient_;
};

}  // namespace coral_learn
