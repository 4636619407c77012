#include "bindings/arrays.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace coral_learn {
namespace {

StoredType stored_type(const py::array& values) {
  if (py::isinstance<py::array_t<float>>(values)) return StoredType::kFloat32;
  if (py::isinstance<py::array_t<std::uint8_t>>(values)) return StoredType::kUint8;
  if (py::isinstance<py::array_t<std::int8_t>>(values)) return StoredType::kInt8;
  throw std::invalid_argument("embeddings must be float32, uint8 or int8");
}

}  // namespace

StoredEmbeddings::StoredEmbeddings(py::array values, float scale, float zero_point)
    : values_(std::move(values)) {
  if (values_.ndim() != 2 || !(values_.flags() & py::array::c_style)) {
    throw std::invalid_argument("embeddings must be a C-contiguous matrix");
  }
  view_ = {values_.data(), stored_type(values_), values_.shape(0), values_.shape(1), scale,
           zero_point};
}

SoftmaxHead make_head(const WeightMatrix& weights, const BiasVector& biases) {
  if (weights.ndim() != 2 || biases.ndim() != 1 || weights.shape(0) != biases.shape(0) ||
      weights.size() == 0) {
    throw std::invalid_argument("weights must be [C, D] and biases [C]");
  }
  return {weights.shape(0), weights.shape(1), weights.data(), biases.data()};
}

void copy_head(const SoftmaxHead& head, WeightMatrix& weights, BiasVector& biases) {
  if (weights.ndim() != 2 || biases.ndim() != 1 || weights.shape(0) != head.classes() ||
      weights.shape(1) != head.features() || biases.shape(0) != head.classes()) {
    throw std::invalid_argument("weights and biases must have the shape of the head");
  }
  head.copy_to(weights.mutable_data(), biases.mutable_data());
}

void check_features(const SoftmaxHead& head, const EmbeddingView& embeddings) {
  if (embeddings.features != head.features()) {
    throw std::invalid_argument("embeddings and weights differ in features");
  }
}

LabeledEmbeddings labeled_view(const EmbeddingView& embeddings, const LabelVector& labels,
                               std::ptrdiff_t classes) {
  if (labels.ndim() != 1 || labels.shape(0) != embeddings.rows || embeddings.rows == 0 ||
      embeddings.rows > UINT32_MAX) {
    throw std::invalid_argument("there must be one label for each of 1 to 2^32 - 1 embeddings");
  }
  const auto valid = [&](std::int32_t label) { return label >= 0 && label < classes; };
  if (!std::all_of(labels.data(), labels.data() + labels.size(), valid)) {
    throw std::invalid_argument("labels must be in [0, C)");
  }
  return {embeddings, labels.data()};
}

std::vector<std::uint32_t> chosen_rows(const RowIndices& rows, const EmbeddingView& embeddings) {
  std::vector<std::uint32_t> chosen(rows.data(), rows.data() + rows.size());
  const auto valid = [&](std::uint32_t row) { return row < embeddings.rows; };
  if (!std::all_of(chosen.begin(), chosen.end(), valid)) {
    throw std::invalid_argument("rows must be rows of the embeddings");
  }
  return chosen;
}

}  // namespace coral_learn
