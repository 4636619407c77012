#include "bindings/arrays.h"
#include "bindings/register.h"

namespace coral_learn {

void register_embeddings(py::module_& module) {
  // With Python's own metaclass, so that the class is what its stub says.
  const py::metaclass type(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<StoredEmbeddings>(module, "StoredEmbeddings", type,
                               "Embeddings [N, D], kept alive and read in place.")
      .def(py::init<py::array, float, float>(), py::arg("values").noconvert(),
           py::arg("scale") = 1.0F, py::arg("zero_point") = 0.0F);
}

}  // namespace coral_learn
