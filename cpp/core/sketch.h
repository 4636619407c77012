#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "core/embeddings.h"
#include "core/execution.h"
#include "core/padded.h"

namespace coral_learn {

// Sums over rows x of embeddings in real units.
struct Sketch {
  Eigen::MatrixXd products;  // [D, K], of x (x . signs)
  Eigen::VectorXd total;     // [D], of x
};

// signs: [K, D].
Sketch sketch_of(const Execution& execution, const EmbeddingView& view,
                 const std::vector<std::uint32_t>& rows, const PaddedMatrix& signs);

}  // namespace coral_learn
