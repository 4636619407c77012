#include "tests/reference.h"

#include <cmath>

namespace coral_learn {
namespace {

constexpr float kScale = 0.02F;
constexpr float kUint8ZeroPoint = 117, kInt8ZeroPoint = -11;

}  // namespace

double random_number(Random& random) {
  return static_cast<double>(random.next() >> 11) / 4503599627370496.0 - 1;
}

Data::Data(StoredType type, std::ptrdiff_t rows, std::ptrdiff_t features, std::ptrdiff_t classes,
           std::uint64_t seed)
    : type_(type), rows_(rows), features_(features) {
  Random random(seed);
  for (std::ptrdiff_t i = 0; i < rows * features; ++i) {
    floats.push_back(static_cast<float>(2 * random_number(random)));
    bytes_.push_back(static_cast<std::uint8_t>(random.next() >> 56));
  }
  for (std::ptrdiff_t i = 0; i < rows; ++i) {
    labels_.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(classes))));
  }
}

EmbeddingView Data::view() const {
  switch (type_) {
    case StoredType::kUint8:
      return {bytes_.data(), type_, rows_, features_, kScale, kUint8ZeroPoint};
    case StoredType::kInt8:
      return {bytes_.data(), type_, rows_, features_, kScale, kInt8ZeroPoint};
    default:
      return {floats.data(), type_, rows_, features_};
  }
}

Eigen::MatrixXd Data::real() const {
  Eigen::MatrixXd real(rows_, features_);
  for (std::ptrdiff_t i = 0; i < rows_; ++i) {
    for (std::ptrdiff_t j = 0; j < features_; ++j) {
      const std::ptrdiff_t k = i * features_ + j;
      const double stored = type_ == StoredType::kFloat32 ? floats[k]
                            : type_ == StoredType::kUint8 ? bytes_[k]
                                                          : static_cast<std::int8_t>(bytes_[k]);
      const EmbeddingView v = view();
      real(i, j) = (stored - v.zero_point) * v.scale;
    }
  }
  return real;
}

ReferenceHead::ReferenceHead(const SoftmaxHead& head)
    : weights(head.classes(), head.features()), biases(head.classes()) {
  for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
    for (std::ptrdiff_t j = 0; j < head.features(); ++j) weights(c, j) = head.weights.row(c)[j];
    biases(c) = head.biases[c];
  }
}

Eigen::MatrixXd ReferenceHead::logits(const Eigen::MatrixXd& embeddings) const {
  return (embeddings * weights.transpose()).rowwise() + biases.transpose();
}

Eigen::MatrixXd ReferenceHead::probabilities(const Eigen::MatrixXd& embeddings) const {
  Eigen::MatrixXd result = logits(embeddings);
  result.colwise() -= result.rowwise().maxCoeff().eval();
  result = result.array().exp();
  result.array().colwise() /= result.rowwise().sum().array().eval();
  return result;
}

double ReferenceHead::cross_entropy(const Eigen::MatrixXd& embeddings,
                                    const std::int32_t* labels) const {
  const Eigen::MatrixXd all = logits(embeddings);
  double sum = 0;
  for (std::ptrdiff_t i = 0; i < all.rows(); ++i) {
    const double highest = all.row(i).maxCoeff();
    sum += highest + std::log((all.row(i).array() - highest).exp().sum()) - all(i, labels[i]);
  }
  return sum / static_cast<double>(all.rows());
}

SoftmaxHead random_head(std::ptrdiff_t classes, std::ptrdiff_t features, float scale,
                        std::uint64_t seed) {
  Random random(seed);
  std::vector<float> weights(classes * features), biases(classes);
  for (float& weight : weights) weight = scale * static_cast<float>(random_number(random));
  for (float& bias : biases) bias = static_cast<float>(random_number(random));
  return {classes, features, weights.data(), biases.data()};
}

Execution test_execution(const Kernels& kernels, int threads, Poll poll) {
  static ThreadPool pool;
  return {kernels, pool, threads, std::move(poll)};
}

}  // namespace coral_learn
