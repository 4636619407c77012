// The arrays that cross from Python, checked here once and for all.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>

#include "core/embeddings.h"
#include "core/softmax_head.h"

namespace coral_learn {

namespace py = pybind11;

// None of these casts: training writes through the arrays of weights and biases.
using WeightArray = py::array_t<float, py::array::c_style>;        // [C, D]
using BiasArray = py::array_t<float, py::array::c_style>;          // [C]
using LabelArray = py::array_t<std::int32_t, py::array::c_style>;  // [N]
using ProbabilityArray = py::array_t<float, py::array::c_style>;   // [N, C]
using ClassArray = py::array_t<std::int64_t, py::array::c_style>;  // [N]

// Embeddings in the type the extractor gave them; keeps the array alive.
class StoredEmbeddings {
 public:
  StoredEmbeddings(py::array values, float scale, float zero_point);

  const EmbeddingView& view() const { return view_; }

 private:
  py::array values_;
  EmbeddingView view_;
};

// Copies weights and biases. Throws std::invalid_argument, as the next two do.
SoftmaxHead read_head(const WeightArray& weights, const BiasArray& biases);

void check_features(const SoftmaxHead& head, const EmbeddingView& embeddings);

// A view of arrays, which must outlive it.
LabeledEmbeddings labeled_view(const SoftmaxHead& head, const EmbeddingView& embeddings,
                               const LabelArray& labels);

}  // namespace coral_learn
