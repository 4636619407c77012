#pragma once

#include <cstdint>
#include <vector>

#include "core/embeddings.h"
#include "core/execution.h"
#include "core/softmax_head.h"

namespace coral_learn {

// These functions throw NonFiniteEmbedding.

// Writes the most probable class of each row; of equally probable ones, the first.
void predict(const Execution& execution, const SoftmaxHead& head, const EmbeddingView& embeddings,
             std::int64_t* classes);

// Writes the probability of each class for each row, [N, C].
void predict_probabilities(const Execution& execution, const SoftmaxHead& head,
                           const EmbeddingView& embeddings, float* probabilities);

// Returns the fraction of rows, in [0, 1], whose most probable class is their label.
double accuracy(const Execution& execution, const SoftmaxHead& head, const LabeledEmbeddings& data);

struct Evaluation {
  double cross_entropy;  // mean over the rows
  double accuracy;
};

Evaluation evaluate(const Execution& execution, const SoftmaxHead& head,
                    const LabeledEmbeddings& data);

// Some rows of data, and the temperatures that logits are divided by.
struct LossRequest {
  const std::uint32_t* rows;
  std::ptrdiff_t count;
  std::vector<double> temperatures;
};

// Writes the cross entropy of each chosen row at each temperature, [temperatures, count], and
// whether its most probable class is its own, [count].
void row_losses(const Execution& execution, const SoftmaxHead& head, const LabeledEmbeddings& data,
                const LossRequest& request, double* losses, bool* right);

}  // namespace coral_learn
