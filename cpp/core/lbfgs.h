#pragma once

#include <Eigen/Core>
#include <functional>

namespace coral_learn {

// Returns the value at a point, and its gradient there.
using Objective = std::function<double(const Eigen::VectorXf& point, Eigen::VectorXf& gradient)>;

struct Progress {
  int iteration;
  double value;
  double gradient_norm;
};

// Called with the start (iteration 0) and each new point; true ends the search there.
using Accept = std::function<bool(const Progress&, const Eigen::VectorXf& point)>;

// Multiplies a vector by a positive definite matrix: the closer to the inverse of the objective's
// second derivatives, the shorter the way.
using Precondition = std::function<void(Eigen::VectorXf& vector)>;

// Minimizes a smooth convex function by L-BFGS: J. Nocedal and S. Wright, "Numerical
// Optimization", 2nd edition (2006), algorithm 7.5, with the bracketing line search of A. Lewis and
// M. Overton, "Nonsmooth optimization via quasi-Newton methods" (2013).
//
// Ends when `accept` says so, when rounding hides any further descent, or after max_iterations, and
// then returns false. Exceptions from the objective and from `accept` pass through.
bool minimize(const Objective& objective, Eigen::VectorXf& point, int max_iterations,
              const Precondition& precondition, const Accept& accept);

}  // namespace coral_learn
