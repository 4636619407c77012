#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "core/embeddings.h"
#include "core/principal_axes.h"

namespace coral_learn {

// How embeddings vary, in real units.
struct Variation {
  Eigen::VectorXd mean;  // [D]
  double spread;         // root mean square distance from the mean; 1 if that is 0
  PrincipalAxes axes;    // of the embeddings when shifted and scaled to mean 0 and spread 1
};

// Computes it for some rows, at least one. weights: [N], how much each row of the view counts, for
// the mean and the spread; empty for 1. Throws NonFiniteEmbedding.
Variation variation_of(const EmbeddingView& view, const std::vector<std::uint32_t>& rows,
                       const std::vector<float>& weights = {});

}  // namespace coral_learn
