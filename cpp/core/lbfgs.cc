#include "core/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>
#include <vector>

namespace coral_learn {
namespace {

using Vector = Eigen::VectorXf;

constexpr std::size_t kPairs = 10;
constexpr int kMaxTrials = 30;
constexpr double kSufficientDecrease = 1e-4;
constexpr double kCurvature = 0.9;

// Sums of millions of products need more digits than a float has.
double dot(const Vector& a, const Vector& b) { return a.cast<double>().dot(b.cast<double>()); }

// Returns the next length to try if `length` is too short: where the slope would be zero if it kept
// changing at the same rate, but at least 2 and at most 20 times `length`.
double longer(double length, double slope_at_start, double slope_here) {
  const double change = slope_here - slope_at_start;
  const double zero = change > 0 ? -slope_at_start / change * length : 20 * length;
  return std::clamp(zero, 2 * length, 20 * length);
}

// Moves the point along a direction of descent until the weak Wolfe conditions hold. Returns false,
// and does not move it, if rounding hides any descent.
bool line_search(const Objective& objective, const Vector& direction, Point& point) {
  const double slope = dot(point.gradient, direction);
  if (!(slope < 0)) return false;
  Point trial{point.at, point.gradient, point.value};
  double low = 0, high = std::numeric_limits<double>::infinity(), length = 1;
  for (int i = 0; i < kMaxTrials; ++i) {
    trial.at = point.at + static_cast<float>(length) * direction;
    trial.value = objective(trial.at, trial.gradient);
    const double slope_here = dot(trial.gradient, direction);
    if (!(trial.value <= point.value + kSufficientDecrease * length * slope)) {
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

// A step, and the change of the gradient along it.
struct Pair {
  Vector step;
  Vector change;
  double product;  // of step and change
};

// Returns the quasi-Newton direction for a gradient.
Vector direction_at(const Vector& gradient, const std::deque<Pair>& pairs,
                    const Precondition& precondition) {
  Vector direction = -gradient;
  std::vector<double> factors(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    factors[i] = dot(pairs[i].step, direction) / pairs[i].product;
    direction -= static_cast<float>(factors[i]) * pairs[i].change;
  }
  precondition(direction);
  if (!pairs.empty()) {
    const Pair& last = pairs.back();
    Vector change = last.change;
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

bool minimize(const Objective& objective, Point& point, int max_iterations,
              const Precondition& precondition, const Accept& accept) {
  std::deque<Pair> pairs;
  for (int iteration = 0;; ++iteration) {
    if (accept(iteration, point)) return true;
    if (iteration == max_iterations) return false;
    const Point start = point;
    if (!line_search(objective, direction_at(point.gradient, pairs, precondition), point)) {
      return true;
    }
    Pair pair{point.at - start.at, point.gradient - start.gradient, 0};
    pair.product = dot(pair.step, pair.change);
    if (pair.product <= 0) continue;  // only rounding makes a convex function look different
    if (pairs.size() == kPairs) pairs.pop_front();
    pairs.push_back(std::move(pair));
  }
}

}  // namespace coral_learn
