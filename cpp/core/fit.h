#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/embeddings.h"
#include "core/execution.h"
#include "core/softmax_head.h"

namespace coral_learn {

struct FitOptions {
  double l2_penalty;  // positive
  double tolerance;   // how far the loss may be above its minimum
  int max_iterations;
};

struct FitReport {
  int iteration;
  double loss;  // penalty included
};

// Fits heads to some rows of the data, under one penalty after another. The loss is
//
//   sum of w[y] * cross entropy / sum of w[y] + l2_penalty / 2 * spread^2 * |weights|^2
//
// where y is the class of a row, w its weight, and spread the root mean square distance of the
// embeddings from their mean. With it, a penalty means the same whatever the unit of the
// embeddings.
class HeadFit {
 public:
  // rows: at least one; class_weights: [C], how much a row of each class counts, or empty for 1.
  // The kernels, threads and arrays must outlive the object. Throws NonFiniteEmbedding.
  HeadFit(const Execution& execution, std::ptrdiff_t classes, const LabeledEmbeddings& data,
          std::vector<std::uint32_t> rows, std::vector<float> class_weights);
  ~HeadFit();

  // Minimizes the loss, starting from the head as it is. Returns whether the loss is known to be
  // within the tolerance of its minimum, by the bound that the curvature of the penalty gives, or
  // is as close to it as rounding allows.
  //
  // `on_report` and the poll may throw: the head then has the weights of the last whole iteration.
  bool run(SoftmaxHead& head, const FitOptions& options,
           const std::function<void(const FitReport&)>& on_report);

  std::ptrdiff_t classes() const;
  std::ptrdiff_t features() const;

 private:
  class CenteredLoss;

  std::unique_ptr<CenteredLoss> loss_;
};

}  // namespace coral_learn
