#include "core/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace coral_learn {
namespace {

using Vector = Eigen::VectorXd;

constexpr std::size_t kPairs = 10;
constexpr int kMaxTrials = 30;
constexpr double kSufficientDecrease = 1e-4;
constexpr double kCurvature = 0.9;
// By how much rounding may change a value, as a part of it. After so many trials in which it hides
// what a step gains, no step can be told from others.
constexpr double kValueRounding = 1e-7;
constexpr int kMaxHiddenTrials = 4;

// Returns the next length to try if `length` is too short: where the slope would be zero if it kept
// changing at the same rate, but at least 2 and at most 20 times `length`.
double longer(double length, double slope_at_start, double slope_here) {
  const double change = slope_here - slope_at_start;
  const double zero = change > 0 ? -slope_at_start / change * length : 20 * length;
  return std::clamp(zero, 2 * length, 20 * length);
}

// Moves the point along a direction of descent until the weak Wolfe conditions hold. Returns false,
// and does not move it, if rounding hides any descent.
bool line_search(const Objective& objective, const Eigen::VectorXf& toward, Point& point) {
  const Vector direction = toward.cast<double>();
  if (!(point.gradient.dot(direction) < 0)) return false;
  Point trial{point.at, point.gradient, point.value};
  double low = 0, high = std::numeric_limits<double>::infinity(), length = 1;
  int hidden_trials = 0;
  for (int i = 0; i < kMaxTrials && hidden_trials < kMaxHiddenTrials; ++i) {
    trial.at = point.at + length * direction;
    objective(trial);
    const Vector step = trial.at - point.at;
    const double slope = point.gradient.dot(step), slope_here = trial.gradient.dot(step);
    const bool lower = trial.value <= point.value + kSufficientDecrease * slope;
    // Where the function is like a parabola, this is the same condition.
    const bool lower_by_slope = slope_here <= (2 * kSufficientDecrease - 1) * slope;
    const bool hidden =
        std::abs(trial.value - point.value) <= kValueRounding * std::abs(point.value);
    hidden_trials += hidden ? 1 : 0;
    if (!lower && !(hidden && lower_by_slope)) {
      high = length;
    } else if (slope_here < kCurvature * slope) {
      low = length;
    } else {
      std::swap(point, trial);
      return true;
    }
    length = std::isinf(high) ? longer(length, slope, slope_here) : 0.5 * (low + high);
  }
  return false;
}

// Sums of millions of products need more digits than a float has; those of a few hundred do not.
double dot(const Eigen::VectorXf& a, const Eigen::VectorXf& b) {
  constexpr Eigen::Index kBlock = 256;
  double sum = 0;
  for (Eigen::Index i = 0; i < a.size(); i += kBlock) {
    const Eigen::Index size = std::min(kBlock, a.size() - i);
    sum += a.segment(i, size).dot(b.segment(i, size));
  }
  return sum;
}

// Returns the quasi-Newton direction for a gradient. It only has to be about right, as the pairs.
Eigen::VectorXf direction_at(const Vector& gradient, const CurvaturePairs& pairs,
                             const Precondition& precondition) {
  Eigen::VectorXf direction = -gradient.cast<float>();
  std::vector<double> factors(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    factors[i] = dot(pairs[i].step, direction) / pairs[i].product;
    direction -= static_cast<float>(factors[i]) * pairs[i].change;
  }
  precondition(direction);
  if (!pairs.empty()) {
    const CurvaturePair& last = pairs.back();
    Eigen::VectorXf change = last.change;
    precondition(change);
    direction *= static_cast<float>(last.product / dot(last.change, change));
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const double factor = factors[i] - dot(pairs[i].change, direction) / pairs[i].product;
    direction += static_cast<float>(factor) * pairs[i].step;
  }
  return direction;
}

}  // namespace

bool minimize(const Objective& objective, Point& point, CurvaturePairs& pairs,
              const Search& search) {
  for (int iteration = 0;; ++iteration) {
    if (search.accept(iteration, point)) return true;
    if (iteration == search.max_iterations) return false;
    const Eigen::VectorXf direction = direction_at(point.gradient, pairs, search.precondition);
    if (search.is_close(point.at, direction)) return true;
    const Point start = point;
    if (!line_search(objective, direction, point)) return true;
    const Vector step = point.at - start.at, change = point.gradient - start.gradient;
    const double product = step.dot(change);
    if (product <= 0) continue;  // only rounding makes a convex function look different
    search.learn(step, change);
    if (pairs.size() == kPairs) pairs.pop_front();
    pairs.push_back({step.cast<float>(), change.cast<float>(), product});
  }
}

}  // namespace coral_learn
