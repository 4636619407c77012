#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/embeddings.h"
#include "core/engine.h"
#include "core/softmax_head.h"

namespace coral_learn {

struct SgdOptions {
  std::int64_t iterations;
  float learning_rate;
  std::ptrdiff_t batch_size;
  float l2_penalty;
  std::uint64_t seed;            // the same seed gives the same weights, bit for bit
  std::int64_t report_interval;  // in iterations; 0 reports the start and the end alone
};

struct SgdReport {
  std::int64_t iteration;  // updates made so far
  double loss;             // over all training rows, penalty included
  double training_accuracy;
  std::optional<double> validation_accuracy;
};

// Minimizes mean cross entropy + l2_penalty / 2 * |weights|^2 by stochastic gradient descent; each
// iteration draws a batch of training rows with replacement.
//
// `report` and the engine's poll may throw: the head then has the weights of the last whole
// iteration. Throws NonFiniteEmbedding before the first one.
void train_with_sgd(const Engine& engine, SoftmaxHead& head, const LabeledEmbeddings& training,
                    const std::optional<LabeledEmbeddings>& validation, const SgdOptions& options,
                    const std::function<void(const SgdReport&)>& report);

}  // namespace coral_learn
