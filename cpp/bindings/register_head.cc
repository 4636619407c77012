#include "bindings/arrays.h"
#include "bindings/register.h"

namespace coral_learn {

void register_head(py::module_& module) {
  // With Python's own metaclass, so that the class is what its stub says.
  const py::metaclass type(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<SoftmaxHead>(module, "Head", type,
                          "The weights and biases that the core trains and predicts with, copied\n"
                          "from arrays. One thread at a time may use it.")
      .def(py::init(&make_head), py::arg("weights").noconvert(), py::arg("biases").noconvert())
      .def(
          "copy", [](const SoftmaxHead& head) { return SoftmaxHead(head); },
          "Returns another head with the same weights and biases.")
      .def("copy_to", &copy_head, py::arg("weights").noconvert(), py::arg("biases").noconvert(),
           "Writes to weights [C, D] and biases [C].")
      .def("is_finite", &SoftmaxHead::is_finite,
           "Returns whether no weight or bias is NaN or infinite.");
}

}  // namespace coral_learn
