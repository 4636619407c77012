#pragma once

#include <cstdint>

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

}  // namespace coral_learn
