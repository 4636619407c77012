#include "core/softmax_head.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace coral_learn {
namespace {

// Rows converted to float32 and multiplied at a time: few enough to stay in the cache.
constexpr std::ptrdiff_t kBlockRows = 64;

template <typename T>
void convert(const void* values, std::ptrdiff_t row, std::ptrdiff_t features, float* out) {
  const T* first = static_cast<const T*>(values) + row * features;
  std::copy(first, first + features, out);
}

// The stored values of a row as float32, without scale and zero point.
void convert_row(const EmbeddingView& embeddings, std::ptrdiff_t row, float* out) {
  switch (embeddings.type) {
    case StoredType::kFloat32:
      return convert<float>(embeddings.values, row, embeddings.features, out);
    case StoredType::kUint8:
      return convert<std::uint8_t>(embeddings.values, row, embeddings.features, out);
    case StoredType::kInt8:
      return convert<std::int8_t>(embeddings.values, row, embeddings.features, out);
  }
}

// A few rows as stored, and their logits. Scale and zero point are applied to the logits:
// w.(q - z) * s + b = (w.q) * s + (b - s * z * sum(w)).
class Block {
 public:
  Block(const SoftmaxHead& head, const EmbeddingView& embeddings)
      : head_(head),
        embeddings_(embeddings),
        offsets_(head.biases -
                 head.weights.rowwise().sum() * (embeddings.scale * embeddings.zero_point)) {}

  template <typename RowOf>
  void compute(std::ptrdiff_t rows, const RowOf& row_of) {
    stored_.resize(rows, embeddings_.features);
    for (std::ptrdiff_t i = 0; i < rows; ++i) {
      convert_row(embeddings_, row_of(i), stored_.row(i).data());
    }
    logits_.noalias() = stored_ * head_.weights.transpose();
    logits_ = (logits_ * embeddings_.scale).rowwise() + offsets_.transpose();
  }

  const RowMajorMatrix& stored() const { return stored_; }
  RowMajorMatrix& logits() { return logits_; }

 private:
  const SoftmaxHead& head_;
  const EmbeddingView& embeddings_;
  Eigen::VectorXf offsets_;
  RowMajorMatrix stored_;
  RowMajorMatrix logits_;
};

double log_sum_exp(const Eigen::Ref<const Eigen::RowVectorXf>& logits) {
  const float largest = logits.maxCoeff();
  return largest + std::log((logits.array() - largest).exp().sum());
}

std::ptrdiff_t largest(const Eigen::Ref<const Eigen::RowVectorXf>& logits) {
  return std::max_element(logits.data(), logits.data() + logits.size()) - logits.data();
}

// Calls visit(first row, logits) for all the rows, a block at a time.
template <typename Visit>
void for_each_block(const SoftmaxHead& head, const EmbeddingView& embeddings, const Poll& poll,
                    const Visit& visit) {
  Block block(head, embeddings);
  for (std::ptrdiff_t first = 0; first < embeddings.rows; first += kBlockRows) {
    poll();
    block.compute(std::min(kBlockRows, embeddings.rows - first),
                  [=](std::ptrdiff_t i) { return first + i; });
    visit(first, block.logits());
  }
}

}  // namespace

void softmax(Eigen::Ref<RowMajorMatrix> logits) {
  logits.colwise() -= logits.rowwise().maxCoeff().eval();
  logits = logits.array().exp();
  logits.array().colwise() /= logits.rowwise().sum().array().eval();
}

void predict(const SoftmaxHead& head, const EmbeddingView& embeddings, std::int64_t* classes,
             const Poll& poll) {
  for_each_block(head, embeddings, poll, [&](std::ptrdiff_t first, const RowMajorMatrix& logits) {
    for (std::ptrdiff_t i = 0; i < logits.rows(); ++i) classes[first + i] = largest(logits.row(i));
  });
}

void predict_probabilities(const SoftmaxHead& head, const EmbeddingView& embeddings,
                           float* probabilities, const Poll& poll) {
  for_each_block(head, embeddings, poll, [&](std::ptrdiff_t first, RowMajorMatrix& logits) {
    softmax(logits);
    std::copy(logits.data(), logits.data() + logits.size(), probabilities + first * logits.cols());
  });
}

Evaluation evaluate(const SoftmaxHead& head, const LabeledEmbeddings& data, const Poll& poll) {
  double loss = 0;
  std::ptrdiff_t right = 0;
  for_each_block(head, data.embeddings, poll,
                 [&](std::ptrdiff_t first, const RowMajorMatrix& logits) {
                   for (std::ptrdiff_t i = 0; i < logits.rows(); ++i) {
                     const std::int32_t label = data.labels[first + i];
                     loss += log_sum_exp(logits.row(i)) - logits(i, label);
                     right += largest(logits.row(i)) == label;
                   }
                 });
  const auto rows = static_cast<double>(data.embeddings.rows);
  return {loss / rows, static_cast<double>(right) / rows};
}

double loss_and_gradient(const SoftmaxHead& head, const LabeledEmbeddings& data,
                         const std::vector<std::uint32_t>& rows, RowMajorMatrix& weight_gradient,
                         Eigen::VectorXf& bias_gradient, const Poll& poll) {
  const EmbeddingView& embeddings = data.embeddings;
  const auto total = static_cast<std::ptrdiff_t>(rows.size());
  Block block(head, embeddings);
  weight_gradient.setZero(head.classes(), head.features());
  bias_gradient.setZero(head.classes());
  double loss = 0;
  for (std::ptrdiff_t first = 0; first < total; first += kBlockRows) {
    poll();
    block.compute(std::min(kBlockRows, total - first),
                  [&](std::ptrdiff_t i) { return rows[first + i]; });
    RowMajorMatrix& logits = block.logits();
    for (std::ptrdiff_t i = 0; i < logits.rows(); ++i) {
      loss += log_sum_exp(logits.row(i)) - logits(i, data.labels[rows[first + i]]);
    }
    softmax(logits);
    for (std::ptrdiff_t i = 0; i < logits.rows(); ++i) {
      logits(i, data.labels[rows[first + i]]) -= 1;
    }
    weight_gradient.noalias() += logits.transpose() * block.stored();
    bias_gradient += logits.colwise().sum().transpose();
  }
  const auto inverse = 1 / static_cast<float>(total);
  weight_gradient.colwise() -= embeddings.zero_point * bias_gradient;
  weight_gradient *= embeddings.scale * inverse;
  bias_gradient *= inverse;
  return loss / static_cast<double>(total);
}

std::ptrdiff_t find_non_finite_row(const EmbeddingView& embeddings) {
  if (embeddings.type != StoredType::kFloat32) return -1;
  const auto* values = static_cast<const float*>(embeddings.values);
  for (std::ptrdiff_t row = 0; row < embeddings.rows; ++row, values += embeddings.features) {
    // 0 * x is 0 for a finite x and NaN for the others; the sum vectorizes.
    const auto features = Eigen::Map<const Eigen::ArrayXf>(values, embeddings.features);
    if ((features * 0.0F).sum() != 0) return row;
  }
  return -1;
}

}  // namespace coral_learn
