#include "core/principal_axes.h"

#include <doctest/doctest.h>

#include <Eigen/Eigenvalues>
#include <cmath>

#include "core/random.h"

namespace coral_learn {
namespace {

// Points, [D, N], with deviations of 10, 10 / 2, 10 / 4, ... along the axes of the space.
Eigen::MatrixXf flat_points(Eigen::Index dimensions, Eigen::Index count) {
  Random random(5);
  Eigen::MatrixXf points = Eigen::MatrixXf::NullaryExpr(
      dimensions, count, [&] { return static_cast<float>(random.below(2001)) / 1000 - 1; });
  float deviation = 10;
  for (Eigen::Index d = 0; d < dimensions; ++d, deviation /= 2) points.row(d) *= deviation;
  return points;
}

TEST_CASE("the axes and variances are those of the covariance") {
  const Eigen::MatrixXf points = flat_points(40, 200);
  const PrincipalAxes found = principal_axes(points, 16);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> exact(points * points.transpose() / 200);
  REQUIRE(found.axes.cols() == 16);
  CHECK((found.axes.transpose() * found.axes - Eigen::MatrixXf::Identity(16, 16)).norm() < 1e-4);
  for (Eigen::Index i = 0; i < 8; ++i) {
    const float variance = exact.eigenvalues()[39 - i];
    CHECK(found.variances[i] == doctest::Approx(variance).epsilon(1e-3));
    CHECK(std::abs(found.axes.col(i).dot(exact.eigenvectors().col(39 - i))) > 0.999F);
  }
}

TEST_CASE("there are at most as many axes as points or dimensions, and variances may be zero") {
  CHECK(principal_axes(flat_points(3, 50), 16).axes.cols() == 3);
  CHECK(principal_axes(flat_points(50, 2), 16).axes.cols() == 2);
  const PrincipalAxes none = principal_axes(Eigen::MatrixXf::Zero(5, 4), 16);
  CHECK((none.variances.array() == 0).all());
  CHECK((none.axes.transpose() * none.axes - Eigen::MatrixXf::Identity(4, 4)).norm() < 1e-5);
}

}  // namespace
}  // namespace coral_learn
