#pragma once

#include <functional>
#include <memory>

#include "core/loss_sums.h"
#include "core/softmax_head.h"
#include "core/variation.h"

namespace coral_learn {

struct FitOptions {
  double l2_penalty;  // positive
  // The fit ends as soon as one of these holds; 0 for never.
  double tolerance = 0;     // the loss is at most this far above its minimum
  double min_decrease = 0;  // an iteration has lowered the loss by less
  double weight_error =
      0;  // the estimated error of each weight is at most this much of the largest
  int max_iterations = 500;
};

struct FitReport {
  int iteration;
  double loss;  // penalty included
};

// Fits heads to some rows, of which it knows the sums of losses, under one penalty after another.
// The loss is
//
//   sums.loss / sums.weight + l2_penalty / 2 * spread^2 * |weights|^2
//
// where spread is that of the embeddings. With it, a penalty means the same whatever the unit of
// the embeddings.
class HeadFit {
 public:
  // The variation: of these rows, or of all of the data.
  HeadFit(AddLoss add_loss, std::ptrdiff_t classes, std::shared_ptr<const Variation> variation);
  ~HeadFit();

  // Minimizes the loss, starting from the head as it is, until the options say that it is close
  // enough, or rounding hides any further descent. Returns false if max_iterations came first.
  //
  // `add_loss` and `on_report` may throw: the head then has the weights of the last whole
  // iteration.
  bool run(SoftmaxHead& head, const FitOptions& options,
           const std::function<void(const FitReport&)>& on_report);

  // Takes away what a fit to similar rows has learned of the curvature of the loss, so that this
  // one needs fewer iterations. It must have the same variation.
  void learn_from(HeadFit& other);

  std::ptrdiff_t classes() const;
  std::ptrdiff_t features() const;

 private:
  class CenteredLoss;

  std::unique_ptr<CenteredLoss> loss_;
};

}  // namespace coral_learn
