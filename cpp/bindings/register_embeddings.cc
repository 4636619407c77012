#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "core/moments.h"

namespace coral_learn {
namespace {

py::tuple moments(const StoredEmbeddings& embeddings,
                  const std::optional<SampleWeightVector>& row_weights) {
  const EmbeddingView& view = embeddings.view();
  if (row_weights && (row_weights->ndim() != 1 || row_weights->size() != view.rows)) {
    throw std::invalid_argument("there must be one weight for each row");
  }
  Moments sums;
  {
    const py::gil_scoped_release unlocked;
    sums = moments_of(view, row_weights ? row_weights->data() : nullptr);
  }
  const auto copy = [](const Eigen::VectorXd& vector) {
    return py::array_t<double>(vector.size(), vector.data());
  };
  return py::make_tuple(sums.weight, copy(sums.total), copy(sums.squares), sums.lengths,
                        sums.zeros);
}

}  // namespace

void register_embeddings(py::module_& module) {
  // With Python's own metaclass, so that the class is what its stub says.
  const py::metaclass type(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<StoredEmbeddings>(module, "StoredEmbeddings", type,
                               "Embeddings [N, D], kept alive and read in place.")
      .def(py::init<py::array, float, float>(), py::arg("values").noconvert(),
           py::arg("scale") = 1.0F, py::arg("zero_point") = 0.0F);
  module.def(
      "moments", &moments, py::arg("embeddings"), py::arg("row_weights").noconvert(),
      "Returns sums over the rows times their weights: the weights, the embeddings [D], their\n"
      "squares [D] and lengths, and how many rows have length 0. It refuses NaN.");
}

}  // namespace coral_learn
