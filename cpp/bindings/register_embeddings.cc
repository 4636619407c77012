#include "bindings/arrays.h"
#include "bindings/register.h"

namespace coral_learn {

void register_embeddings(py::module_& module) {
  py::class_<StoredEmbeddings>(module, "StoredEmbeddings")
      .def(py::init<py::array, float, float>(), py::arg("values").noconvert(),
           py::arg("scale") = 1.0F, py::arg("zero_point") = 0.0F)
      .def(
          "find_non_finite_row",
          [](const StoredEmbeddings& self) {
            const py::gil_scoped_release unlocked;
            return find_non_finite_row(self.view());
          },
          "The first row that holds a NaN or an infinity; -1 if there is none.");
}

}  // namespace coral_learn
