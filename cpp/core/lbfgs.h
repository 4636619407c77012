#pragma once

#include <Eigen/Core>
#include <functional>

namespace coral_learn {

// Returns the value at a point, and its gradient there.
using Objective = std::function<double(const Eigen::VectorXf& point, Eigen::VectorXf& gradient)>;

// A point, with the value of the objective and its gradient there.
struct Point {
  Eigen::VectorXf at;
  Eigen::VectorXf gradient;
  double value;
};

// Called with the start (iteration 0) and each new point. Returning true ends the search there.
using Accept = std::function<bool(int iteration, const Point& point)>;

// Multiplies a vector by a positive definite matrix: the closer it is to the inverse of the
// objective's second derivatives, the fewer iterations are needed.
using Precondition = std::function<void(Eigen::VectorXf& vector)>;

// Minimizes a smooth convex function from a point on, whose value and gradient are there, by
// L-BFGS: J. Nocedal and S. Wright, "Numerical Optimization", 2nd edition (2006), algorithm 7.5,
// with the bracketing line search of A. Lewis and M. Overton, "Nonsmooth optimization via
// quasi-Newton methods" (2013).
//
// Returns true if `accept` ended the search or rounding hides any further descent, and false after
// max_iterations. Exceptions from the objective and from `accept` reach the caller.
bool minimize(const Objective& objective, Point& point, int max_iterations,
              const Precondition& precondition, const Accept& accept);

}  // namespace coral_learn
