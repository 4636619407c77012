#include "core/variation.h"

#include <Eigen/Eigenvalues>
#include <algorithm>

namespace coral_learn {
namespace {

constexpr Eigen::Index kAxes = 16;
constexpr double kRounding = 1e-10;  // eigenvalues below this part of the largest are rounding

struct Eigenpairs {
  Eigen::MatrixXd vectors;
  Eigen::VectorXd values;  // the largest first, without those that are rounding
};

Eigenpairs largest_eigenvalues(const Eigen::MatrixXd& matrix, Eigen::Index most) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(0.5 * (matrix + matrix.transpose()));
  const Eigen::VectorXd values = solver.eigenvalues().reverse();
  const Eigen::Index real = (values.array() > std::max(kRounding * values[0], 1e-300)).count();
  const Eigen::Index count = std::min(most, real);
  return {solver.eigenvectors().rowwise().reverse().leftCols(count), values.head(count)};
}

}  // namespace

Variation variation_of(const Eigen::VectorXd& mean, double spread, const Sketch& sketch,
                       double rows, const Eigen::MatrixXd& signs) {
  // The products of the signs with the sum of (x - mean) (x - mean)^T.
  const Eigen::RowVectorXd along_mean = mean.transpose() * signs;
  const Eigen::RowVectorXd along_total = sketch.total.transpose() * signs;
  const Eigen::MatrixXd products =
      (sketch.products - sketch.total * along_mean - mean * (along_total - rows * along_mean)) /
      (std::max(1.0, rows) * spread * spread);
  const Eigenpairs inner = largest_eigenvalues(signs.transpose() * products, signs.cols());
  const Eigen::MatrixXd root =
      products * inner.vectors * inner.values.cwiseSqrt().cwiseInverse().asDiagonal();
  if (root.cols() > 0) {
    const Eigenpairs axes = largest_eigenvalues(root.transpose() * root, kAxes);
    if (axes.values.size() > 0) {
      const Eigen::MatrixXd directions =
          root * axes.vectors * axes.values.cwiseSqrt().cwiseInverse().asDiagonal();
      return {mean, spread, directions.cast<float>(), axes.values.cast<float>()};
    }
  }
  // The rows are all the same: any axis is one of no variance.
  return {mean, spread, Eigen::MatrixXf::Identity(mean.size(), 1), Eigen::VectorXf::Zero(1)};
}

}  // namespace coral_learn
