// A simple implementation of softmax regression in double precision, and data for comparing it with
// the core.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "core/embeddings.h"
#include "core/execution.h"
#include "core/random.h"
#include "core/softmax_head.h"

namespace coral_learn {

// Random embeddings of one type, and labels for them.
class Data {
 public:
  Data(StoredType type, std::ptrdiff_t rows, std::ptrdiff_t features, std::ptrdiff_t classes,
       std::uint64_t seed = 1);

  EmbeddingView view() const;
  LabeledEmbeddings labeled() const { return {view(), labels_.data()}; }
  Eigen::MatrixXd real() const;  // [N, D], dequantized

  std::vector<float> floats;  // the values, if the type is float32

 private:
  StoredType type_;
  std::ptrdiff_t rows_;
  std::ptrdiff_t features_;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::int32_t> labels_;
};

struct ReferenceHead {
  Eigen::MatrixXd weights;  // [C, D]
  Eigen::VectorXd biases;   // [C]

  explicit ReferenceHead(const SoftmaxHead& head);

  Eigen::MatrixXd logits(const Eigen::MatrixXd& embeddings) const;         // [N, C]
  Eigen::MatrixXd probabilities(const Eigen::MatrixXd& embeddings) const;  // [N, C]
  double cross_entropy(const Eigen::MatrixXd& embeddings, const std::int32_t* labels) const;
};

SoftmaxHead random_head(std::ptrdiff_t classes, std::ptrdiff_t features, float scale,
                        std::uint64_t seed = 2);

// Returns a number in [-1, 1).
double random_number(Random& random);

// Returns an execution on a pool that all tests share.
Execution test_execution(const Kernels& kernels, int threads = 1, Poll poll = [] {});

}  // namespace coral_learn
