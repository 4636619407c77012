#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/embeddings.h"

namespace coral_learn {

using RowMajorMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Weights = Eigen::Map<RowMajorMatrix>;
using Biases = Eigen::Map<Eigen::VectorXf>;

// The last layer of a classifier: logits = weights * embedding + biases.
struct SoftmaxHead {
  Weights weights;  // [C, D]
  Biases biases;    // [C]

  std::ptrdiff_t classes() const { return weights.rows(); }
  std::ptrdiff_t features() const { return weights.cols(); }
};

// Called every few milliseconds of work; may throw to stop it.
using Poll = std::function<void()>;

struct Evaluation {
  double cross_entropy;  // mean over the rows
  double accuracy;       // fraction of rows in [0, 1]
};

// Turns each row of logits into probabilities. The largest logit is subtracted first, so that no
// gap between logits, however large, overflows.
void softmax(Eigen::Ref<RowMajorMatrix> logits);

// The most probable class of each row, the first of equals.
void predict(const SoftmaxHead& head, const EmbeddingView& embeddings, std::int64_t* classes,
             const Poll& poll);

// The probability of each class, [N, C] row-major.
void predict_probabilities(const SoftmaxHead& head, const EmbeddingView& embeddings,
                           float* probabilities, const Poll& poll);

Evaluation evaluate(const SoftmaxHead& head, const LabeledEmbeddings& data, const Poll& poll);

// The mean cross entropy of some rows and its gradient, which for logits is
// (probabilities - one hot label) / rows. The gradients are overwritten.
double loss_and_gradient(const SoftmaxHead& head, const LabeledEmbeddings& data,
                         const std::vector<std::uint32_t>& rows, RowMajorMatrix& weight_gradient,
                         Eigen::VectorXf& bias_gradient, const Poll& poll);

// The first row that holds a NaN or an infinity; -1 if there is none.
std::ptrdiff_t find_non_finite_row(const EmbeddingView& embeddings);

}  // namespace coral_learn
