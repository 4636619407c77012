#pragma once

#include <Eigen/Core>
#include <cstddef>

#include "core/embeddings.h"

namespace coral_learn {

// Sums over rows of embeddings in real units, each times the weight of its row.
struct Moments {
  double weight = 0;
  Eigen::VectorXd total;    // [D]
  Eigen::VectorXd squares;  // [D]
  double lengths = 0;
  std::ptrdiff_t zeros = 0;  // rows of length 0, not weighted
};

// row_weights: [N]; null for 1. Throws NonFiniteEmbedding.
Moments moments_of(const EmbeddingView& view, const float* row_weights);

}  // namespace coral_learn
