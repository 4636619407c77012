#pragma once

#include <Eigen/Core>

#include "core/sketch.h"

namespace coral_learn {

// How embeddings vary, in real units.
struct Variation {
  Eigen::VectorXd mean;  // [D]
  double spread;         // root mean square distance from the mean; 1 if that is 0
  Eigen::MatrixXf axes;  // [D, K], K at least 1: directions in which they vary most, orthonormal
  Eigen::VectorXf variances;  // [K], along each axis at mean 0 and spread 1, the largest first
};

// Finds the axes by the method of Nystrom from a sketch of some of the rows: J. Tropp, A.
// Yurtsever, M. Udell and V. Cevher, "Fixed-rank approximation of a positive-semidefinite matrix
// from streaming data" (2017).
//
// rows: how many the sketch is of. signs: [D, K], those that it was made with.
Variation variation_of(const Eigen::VectorXd& mean, double spread, const Sketch& sketch,
                       double rows, const Eigen::MatrixXd& signs);

}  // namespace coral_learn
