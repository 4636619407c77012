#include "core/principal_axes.h"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>

#include "core/random.h"

namespace coral_learn {
namespace {

// Any start works, as long as no important direction is orthogonal to all of its columns.
Eigen::MatrixXf random_signs(Eigen::Index rows, Eigen::Index columns) {
  Random random(0);
  return Eigen::MatrixXf::NullaryExpr(rows, columns,
                                      [&] { return random.below(2) == 0 ? -1.0F : 1.0F; });
}

}  // namespace

PrincipalAxes principal_axes(const Eigen::MatrixXf& points, Eigen::Index count) {
  count = std::min({count, points.rows(), points.cols()});
  const Eigen::MatrixXf start = random_signs(points.rows(), count);
  const Eigen::HouseholderQR<Eigen::MatrixXf> qr(points * (points.transpose() * start));
  const Eigen::MatrixXf basis = qr.householderQ() * Eigen::MatrixXf::Identity(points.rows(), count);
  const Eigen::MatrixXf inside = points.transpose() * basis;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> solver(inside.transpose() * inside /
                                                              static_cast<float>(points.cols()));
  return {basis * solver.eigenvectors().rowwise().reverse(),
          solver.eigenvalues().reverse().cwiseMax(0)};
}

}  // namespace coral_learn
