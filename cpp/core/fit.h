#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/embeddings.h"
#include "core/engine.h"
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

// A head that is fitted to some rows of the data, under one penalty after another. What is
// minimized is
//
//   sum of w[y] * cross entropy / sum of w[y] + l2_penalty / 2 * spread^2 * |weights|^2
//
// where spread is the root mean square distance of the embeddings from their mean: so a penalty
// means the same whatever the unit of the embeddings.
class HeadFit {
 public:
  // rows: one or more; class_weights: [C], how much a row of each class counts, or empty for 1.
  // The kernels, threads and arrays must outlive the object. Throws NonFiniteEmbedding.
  HeadFit(const Engine& engine, const SoftmaxHead& start, const LabeledEmbeddings& data,
          std::vector<std::uint32_t> rows, std::vector<float> class_weights);
  ~HeadFit();

  // Goes on from the head as it is. Returns whether the tolerance was reached, by the bound that
  // the penalty's curvature gives.
  //
  // `report` and the engine's poll may throw: the head is then that of the last whole iteration.
  bool run(const FitOptions& options, const std::function<void(const FitReport&)>& report);

  const SoftmaxHead& head() const { return head_; }

 private:
  class CenteredLoss;

  SoftmaxHead head_;
  std::unique_ptr<CenteredLoss> loss_;
  Eigen::VectorXf point_;  // the head, as the loss takes it
};

}  // namespace coral_learn
