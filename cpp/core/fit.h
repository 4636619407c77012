#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/embeddings.h"
#include "core/engine.h"
#include "core/softmax_head.h"

namespace coral_learn {

struct FitOptions {
  double l2_penalty;  // positive
  double tolerance;   // how far the loss may be above its minimum
  int max_iterations;
  const float* class_weights;  // [C], how much a row of each class counts; null for 1 each
};

struct FitReport {
  int iteration;
  double loss;  // penalty included
};

// Minimizes, from the head's present weights on,
//
//   sum of w[y] * cross entropy / sum of w[y] + l2_penalty / 2 * spread^2 * |weights|^2
//
// over some rows of the data, at least one, where spread is the root mean square distance of the
// embeddings from their mean: so a penalty means the same whatever the unit of the embeddings.
//
// Returns whether the tolerance was reached, by the bound that the penalty's curvature gives.
// `report` and the engine's poll may throw: the head then has the weights of the last whole
// iteration. Throws NonFiniteEmbedding.
bool fit(const Engine& engine, SoftmaxHead& head, const LabeledEmbeddings& data,
         const std::vector<std::uint32_t>& rows, const FitOptions& options,
         const std::function<void(const FitReport&)>& report);

}  // namespace coral_learn
