#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/embeddings.h"
#include "core/execution.h"
#include "core/softmax_head.h"
#include "core/variation.h"

namespace coral_learn {

struct FitOptions {
  double l2_penalty;  // positive
  double tolerance;   // how far the loss may be above its minimum
  int max_iterations;
  double min_decrease = 0;  // an iteration that lowers the loss by less is the last
};

// How much each row counts. At least one of the rows that are fitted must count more than 0.
struct FitWeights {
  std::vector<float> of_classes;  // [C], the weight of a row of each class; empty for 1
  std::vector<float> of_rows;     // [N], the weight of each row of the data; empty for 1
};

struct FitReport {
  int iteration;
  double loss;  // penalty included
};

// Fits heads to some rows of the data, under one penalty after another. The loss is
//
//   sum of w[y] * s * cross entropy / sum of w[y] * s + l2_penalty / 2 * spread^2 * |weights|^2
//
// where y is the class of a row, w the weight of the class, s that of the row, and spread that of
// the embeddings. With it, a penalty means the same whatever the unit of the embeddings.
class HeadFit {
 public:
  // variation: of these rows, or of all of the data. rows: at least one. The kernels, threads and
  // arrays must outlive the object.
  HeadFit(const Execution& execution, std::ptrdiff_t classes, const LabeledEmbeddings& data,
          std::shared_ptr<const Variation> variation, std::vector<std::uint32_t> rows,
          const FitWeights& weights);
  ~HeadFit();

  // Minimizes the loss, starting from the head as it is. Ends when the loss is known to be within
  // the tolerance of its minimum, by the bound that the curvature of the penalty gives, or is as
  // close to it as rounding allows, or has hardly fallen. Returns false if max_iterations came
  // first.
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
