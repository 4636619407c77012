#include "core/lbfgs.h"

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

namespace coral_learn {
namespace {

// A long, narrow valley: curvatures from 1 to 1000 around a minimum of 3 at (1, ..., 1).
double curvature_at(Eigen::Index i, Eigen::Index size) {
  return std::pow(1000.0, static_cast<double>(i) / static_cast<double>(size - 1));
}

void valley(Point& point) {
  point.value = 3;
  for (Eigen::Index i = 0; i < point.at.size(); ++i) {
    const double curvature = curvature_at(i, point.at.size());
    const double distance = point.at[i] - 1.0;
    point.gradient[i] = curvature * distance;
    point.value += 0.5 * curvature * distance * distance;
  }
}

Point valley_at(const Eigen::VectorXd& at) {
  Point point{at, Eigen::VectorXd(at.size()), 0};
  valley(point);
  return point;
}

void know_nothing(Eigen::VectorXf&) {}
void learn_nothing(const Eigen::VectorXd&, const Eigen::VectorXd&) {}
bool never_close(const Eigen::VectorXd&, const Eigen::VectorXf&) { return false; }

bool descend(Point& point, int max_iterations, const Precondition& precondition,
             const Accept& accept, const IsClose& is_close = never_close) {
  CurvaturePairs none;
  return minimize(valley, point, none,
                  {precondition, learn_nothing, accept, is_close, max_iterations});
}

TEST_CASE("finds the bottom of a narrow valley") {
  Point point = valley_at(Eigen::VectorXd::Zero(30));
  double last = 1e300;
  int iterations = 0;
  descend(point, 300, know_nothing, [&](int iteration, const Point& reached) {
    CHECK(reached.value <= last);
    last = reached.value;
    iterations = iteration;
    return reached.gradient.norm() < 1e-3;
  });
  CHECK(iterations < 200);
  CHECK(last == doctest::Approx(3).epsilon(1e-6));
  CHECK(point.value == last);
  CHECK((point.at.array() - 1).abs().maxCoeff() < 1e-3);
}

TEST_CASE("finds the minimum in a few iterations if the curvatures are known") {
  Point point = valley_at(Eigen::VectorXd::Zero(30));
  const auto divide_by_curvatures = [](Eigen::VectorXf& vector) {
    for (Eigen::Index i = 0; i < vector.size(); ++i) {
      vector[i] /= static_cast<float>(curvature_at(i, vector.size()));
    }
  };
  int iterations = 0;
  descend(point, 300, divide_by_curvatures, [&](int iteration, const Point& reached) {
    iterations = iteration;
    return reached.gradient.norm() < 1e-3;
  });
  CHECK(iterations == 1);
}

TEST_CASE("what an earlier search has learned of the curvature saves iterations") {
  CurvaturePairs pairs;
  const auto iterations_from = [&](double start) {
    Point point = valley_at(Eigen::VectorXd::Constant(30, start));
    int iterations = 0;
    const auto accept = [&](int iteration, const Point& reached) {
      iterations = iteration;
      return reached.gradient.norm() < 1e-3;
    };
    CHECK(minimize(valley, point, pairs, {know_nothing, learn_nothing, accept, never_close, 300}));
    CHECK((point.at.array() - 1).abs().maxCoeff() < 1e-3);
    return iterations;
  };
  const int without = iterations_from(0);
  REQUIRE(!pairs.empty());
  CHECK(iterations_from(0) < without);
}

TEST_CASE("ends where the next step is small") {
  Point point = valley_at(Eigen::VectorXd::Zero(30));
  CHECK(descend(
      point, 300, know_nothing, [](int, const Point&) { return false; },
      [](const Eigen::VectorXd&, const Eigen::VectorXf& step) { return step.norm() < 1e-6F; }));
  CHECK((point.at.array() - 1).abs().maxCoeff() < 1e-4);
}

TEST_CASE("stops if rounding hides further descent") {
  Point point = valley_at(Eigen::VectorXd::Constant(5, 1));
  int calls = 0;
  CHECK(descend(point, 1000, know_nothing, [&](int, const Point&) {
    ++calls;
    return false;
  }));
  CHECK(calls < 20);
  CHECK((point.at.array() == 1).all());
}

TEST_CASE("stops after the maximum of iterations, and lets exceptions through") {
  Point point = valley_at(Eigen::VectorXd::Zero(30));
  int last = -1;
  const auto go_on = [&](int iteration, const Point&) {
    last = iteration;
    return false;
  };
  CHECK_FALSE(descend(point, 3, know_nothing, go_on));
  CHECK(last == 3);
  CHECK_THROWS_AS(descend(point, 9, know_nothing,
                          [](int, const Point&) -> bool { throw std::runtime_error("stop"); }),
                  std::runtime_error);
}

}  // namespace
}  // namespace coral_learn
