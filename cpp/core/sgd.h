#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "core/embeddings.h"
#include "core/execution.h"
#include "core/inference.h"
#include "core/softmax_head.h"

namespace coral_learn {

struct SgdOptions {
  std::int64_t iterations;
  float learning_rate;
  std::ptrdiff_t batch_size;
  float l2_penalty;
  std::uint64_t seed;            // the same seed gives the same weights, bit for bit
  std::int64_t report_interval;  // in iterations; 0 reports only the start and the end

  float learning_rate_decay = 0;  // the rate after t iterations is learning_rate / (1 + decay * t)
  float momentum = 0;             // the fraction of each step that the next one repeats, in [0, 1)
  bool with_replacement = true;   // whether a batch may hold a row twice; see BatchSampler
  std::int64_t patience = 0;  // stop after this many reports without a lower validation loss; 0: no
};

struct SgdReport {
  std::int64_t iteration;  // updates made so far
  double loss;             // over all training rows, penalty included
  double training_accuracy;
  std::optional<Evaluation> validation;
};

// Minimizes mean cross entropy + l2_penalty / 2 * |weights|^2 by stochastic gradient descent,
// starting from the head as it is. With patience, the head ends with the weights of the report that
// had the lowest validation loss.
//
// `on_report` and the poll may throw: the head then has the weights of the last whole iteration.
// Throws NonFiniteEmbedding before the first iteration.
void train_with_sgd(const Execution& execution, SoftmaxHead& head,
                    const LabeledEmbeddings& training,
                    const std::optional<LabeledEmbeddings>& validation, const SgdOptions& options,
                    const std::function<void(const SgdReport&)>& on_report);

}  // namespace coral_learn
