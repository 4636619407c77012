#pragma once

#include <Eigen/Core>
#include <deque>
#include <functional>

namespace coral_learn {

// A point, with the value of the objective and its gradient there.
struct Point {
  Eigen::VectorXd at;
  Eigen::VectorXd gradient;
  double value;
};

// Computes value and gradient at a point. It may move the point a little, to one that it can
// compute them for exactly.
using Objective = std::function<void(Point& point)>;

// Called with the start (iteration 0) and each new point. Returning true ends the search there.
using Accept = std::function<bool(int iteration, const Point& point)>;

// Multiplies a vector by a positive definite matrix: the closer it is to the inverse of the
// objective's second derivatives, the fewer iterations are needed.
using Precondition = std::function<void(Eigen::VectorXf& vector)>;

// Is told a step, and the change of the gradient along it, from which to improve the precondition.
using Learn = std::function<void(const Eigen::VectorXd& step, const Eigen::VectorXd& change)>;

// Whether a point is close enough to the minimum, by the step that would be tried next.
using IsClose = std::function<bool(const Eigen::VectorXd& point, const Eigen::VectorXf& step)>;

// A step, and the change of the gradient along it: what a search learns of the curvature. They only
// have to be about right, and take half the memory in float32.
struct CurvaturePair {
  Eigen::VectorXf step;
  Eigen::VectorXf change;
  double product;  // of step and change; positive
};
using CurvaturePairs = std::deque<CurvaturePair>;  // the latest last

struct Search {
  Precondition precondition;
  Learn learn;
  Accept accept;
  IsClose is_close;
  int max_iterations;
};

// Minimizes a smooth convex function from a point on, whose value and gradient are there. Pairs of
// an earlier search, for the same function or a similar one, save iterations; those that this
// search ends with take their place. The method is L-BFGS: J. Nocedal and S. Wright, "Numerical
// Optimization", 2nd edition (2006), algorithm 7.5, with the bracketing line search of A. Lewis and
// M. Overton, "Nonsmooth optimization via quasi-Newton methods" (2013). Close to the minimum, where
// rounding hides by how much the value falls, steps are accepted by their slopes: W. Hager and H.
// Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search"
// (2005).
//
// Returns true if `accept` or `is_close` ended the search or rounding hides any further descent,
// and false after max_iterations. Exceptions from the objective and from `accept` reach the caller.
bool minimize(const Objective& objective, Point& point, CurvaturePairs& pairs,
              const Search& search);

}  // namespace coral_learn
