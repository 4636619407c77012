#pragma once

#include <Eigen/Core>
#include <functional>

#include "core/softmax_head.h"

namespace coral_learn {

// The loss of a head and its gradient, summed over rows, without a penalty. Of several sets of
// rows, the sums are added.
struct LossSums {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  double loss = 0;                // of the weighted cross entropies
  double weight = 0;              // of the weights of the rows
  Matrix weight_gradient;         // [C, D], for embeddings in real units
  Eigen::VectorXd bias_gradient;  // [C]

  LossSums(std::ptrdiff_t classes, std::ptrdiff_t features)
      : weight_gradient(Matrix::Zero(classes, features)),
        bias_gradient(Eigen::VectorXd::Zero(classes)) {}

  void set_zero() {
    loss = weight = 0;
    weight_gradient.setZero();
    bias_gradient.setZero();
  }
};

// Adds what a head costs on some rows, wherever they are. May throw.
using AddLoss = std::function<void(const SoftmaxHead& head, LossSums& sums)>;

}  // namespace coral_learn
