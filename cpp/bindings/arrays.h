// The arrays that come from Python, which are checked here. coral_learn/arrays.py has the
// same names.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

#include "core/embeddings.h"
#include "core/softmax_head.h"

namespace coral_learn {

namespace py = pybind11;

// No array is converted: the core reads embeddings and labels in place, and writes to weights and
// biases.
using WeightMatrix = py::array_t<float, py::array::c_style>;             // [C, D]
using BiasVector = py::array_t<float, py::array::c_style>;               // [C]
using ClassWeightVector = py::array_t<float, py::array::c_style>;        // [C]
using SampleWeightVector = py::array_t<float, py::array::c_style>;       // [N]
using LabelVector = py::array_t<std::int32_t, py::array::c_style>;       // [N]
using RowIndices = py::array_t<std::uint32_t, py::array::c_style>;       // [M], each less than N
using PredictionVector = py::array_t<std::int64_t, py::array::c_style>;  // [N]
using ProbabilityMatrix = py::array_t<float, py::array::c_style>;        // [N, C]

// Embeddings in the type that the extractor gave them. Keeps the array alive.
class StoredEmbeddings {
 public:
  StoredEmbeddings(py::array values, float scale, float zero_point);

  const EmbeddingView& view() const { return view_; }

 private:
  py::array values_;
  EmbeddingView view_;
};

// The functions below throw std::invalid_argument for shapes that do not match.

// Copies weights and biases into a head.
SoftmaxHead make_head(const WeightMatrix& weights, const BiasVector& biases);

// Copies a head into weights and biases of its shape.
void copy_head(const SoftmaxHead& head, WeightMatrix& weights, BiasVector& biases);

void check_features(const SoftmaxHead& head, const EmbeddingView& embeddings);

// Returns a view of embeddings and their labels. The arrays must outlive it.
LabeledEmbeddings labeled_view(const EmbeddingView& embeddings, const LabelVector& labels,
                               std::ptrdiff_t classes);

// Copies indices of rows.
std::vector<std::uint32_t> chosen_rows(const RowIndices& rows, const EmbeddingView& embeddings);

}  // namespace coral_learn
