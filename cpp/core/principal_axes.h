#pragma once

#include <Eigen/Core>

namespace coral_learn {

// The directions in which points vary most.
struct PrincipalAxes {
  Eigen::MatrixXf axes;       // [D, K], orthonormal columns
  Eigen::VectorXf variances;  // [K], along each axis, the largest first
};

// Returns approximately the first `count` principal axes of points around zero, [D, N], N at least
// 1; fewer if there are fewer points or dimensions. Uses one step of randomized subspace iteration:
// N. Halko, P. Martinsson and J. Tropp, "Finding structure with randomness" (2011). The same points
// give the same axes.
PrincipalAxes principal_axes(const Eigen::MatrixXf& points, Eigen::Index count);

}  // namespace coral_learn
