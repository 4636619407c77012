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

double valley(const Eigen::VectorXf& point, Eigen::VectorXf& gradient) {
  double value = 3;
  for (Eigen::Index i = 0; i < point.size(); ++i) {
    const double curvature = curvature_at(i, point.size());
    const double distance = point[i] - 1.0;
    gradient[i] = static_cast<float>(curvature * distance);
    value += 0.5 * curvature * distance * distance;
  }
  return value;
}

Point valley_at(const Eigen::VectorXf& at) {
  Point point{at, Eigen::VectorXf(at.size()), 0};
  point.value = valley(point.at, point.gradient);
  return point;
}

void know_nothing(Eigen::VectorXf&) {}

TEST_CASE("finds the bottom of a narrow valley") {
  Point point = valley_at(Eigen::VectorXf::Zero(30));
  double last = 1e300;
  int iterations = 0;
  minimize(valley, point, 300, know_nothing, [&](int iteration, const Point& reached) {
    CHECK(reached.value <= last);
    last = reached.value;
    iterations = iteration;
    return reached.gradient.norm() < 1e-3F;
  });
  CHECK(iterations < 200);
  CHECK(last == doctest::Approx(3).epsilon(1e-6));
  CHECK(point.value == last);
  CHECK((point.at.array() - 1).abs().maxCoeff() < 1e-3);
}

TEST_CASE("finds the minimum in a few iterations if the curvatures are known") {
  Point point = valley_at(Eigen::VectorXf::Zero(30));
  const auto divide_by_curvatures = [](Eigen::VectorXf& vector) {
    for (Eigen::Index i = 0; i < vector.size(); ++i) {
      vector[i] /= static_cast<float>(curvature_at(i, vector.size()));
    }
  };
  int iterations = 0;
  minimize(valley, point, 300, divide_by_curvatures, [&](int iteration, const Point& reached) {
    iterations = iteration;
    return reached.gradient.norm() < 1e-3F;
  });
  CHECK(iterations == 1);
}

TEST_CASE("stops if rounding hides further descent") {
  Point point = valley_at(Eigen::VectorXf::Constant(5, 1));
  int calls = 0;
  CHECK(minimize(valley, point, 1000, know_nothing, [&](int, const Point&) {
    ++calls;
    return false;
  }));
  CHECK(calls < 20);
  CHECK((point.at.array() == 1).all());
}

TEST_CASE("stops after the maximum of iterations, and lets exceptions through") {
  Point point = valley_at(Eigen::VectorXf::Zero(30));
  int last = -1;
  const auto go_on = [&](int iteration, const Point&) {
    last = iteration;
    return false;
  };
  CHECK_FALSE(minimize(valley, point, 3, know_nothing, go_on));
  CHECK(last == 3);
  CHECK_THROWS_AS(minimize(valley, point, 9, know_nothing,
                           [](int, const Point&) -> bool { throw std::runtime_error("stop"); }),
                  std::runtime_error);
}

}  // namespace
}  // namespace coral_learn
