// The arrays that cross from Python, checked here once and for all.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>

#include "core/embeddings.h"
#include "core/softmax_head.h"

namespace coral_learn {

namespace py = pybind11;

// No forcecast: a cast would copy, and training writes through these.
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

// Views of arrays, which must outlive them. All throw std::invalid_argument.
SoftmaxHead head_view(WeightArray& weights, BiasArray& biases);
void check_features(const SoftmaxHead& head, const EmbeddingView& embeddings);
LabeledEmbeddings labeled_view(const SoftmaxHead& head, const EmbeddingView& embeddings,
                               const LabelArray& labels);

}  // namespace coral_learn
