#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/execution.h"
#include "bindings/register.h"
#include "core/inference.h"

namespace coral_learn {
namespace {

PredictionVector predict_classes(const SoftmaxHead& head, const StoredEmbeddings& embeddings,
                                 int threads) {
  const Execution execution = make_execution(threads);
  check_features(head, embeddings.view());
  PredictionVector classes(embeddings.view().rows);
  std::int64_t* out = classes.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    predict(execution, head, embeddings.view(), out);
  }
  return classes;
}

ProbabilityMatrix predict_proba(const SoftmaxHead& head, const StoredEmbeddings& embeddings,
                                int threads) {
  const Execution execution = make_execution(threads);
  check_features(head, embeddings.view());
  ProbabilityMatrix probabilities({embeddings.view().rows, head.classes()});
  float* out = probabilities.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    predict_probabilities(execution, head, embeddings.view(), out);
  }
  return probabilities;
}

double get_accuracy(const SoftmaxHead& head, const StoredEmbeddings& embeddings,
                    const LabelVector& labels, int threads) {
  const Execution execution = make_execution(threads);
  check_features(head, embeddings.view());
  const LabeledEmbeddings data = labeled_view(embeddings.view(), labels, head.classes());
  const py::gil_scoped_release unlocked;
  return accuracy(execution, head, data);
}

py::tuple get_row_losses(const SoftmaxHead& head, const StoredEmbeddings& embeddings,
                         const LabelVector& labels, const RowIndices& rows,
                         const std::vector<double>& temperatures, int threads) {
  const Execution execution = make_execution(threads);
  check_features(head, embeddings.view());
  const LabeledEmbeddings data = labeled_view(embeddings.view(), labels, head.classes());
  const std::vector<std::uint32_t> chosen = chosen_rows(rows, embeddings.view());
  const auto count = static_cast<py::ssize_t>(chosen.size());
  py::array_t<double> losses({static_cast<py::ssize_t>(temperatures.size()), count});
  py::array_t<bool> right(count);
  double* losses_out = losses.mutable_data();
  bool* right_out = right.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    row_losses(execution, head, data, {chosen.data(), count, temperatures}, losses_out, right_out);
  }
  return py::make_tuple(losses, right);
}

}  // namespace

void register_inference(py::module_& module) {
  module.def("predict", &predict_classes, py::arg("head"), py::arg("embeddings"), py::kw_only(),
             py::arg("threads"), "Returns the most probable class of each embedding, [N].");
  module.def("predict_proba", &predict_proba, py::arg("head"), py::arg("embeddings"), py::kw_only(),
             py::arg("threads"), "Returns the probability of each class, [N, C].");
  module.def("accuracy", &get_accuracy, py::arg("head"), py::arg("embeddings"),
             py::arg("labels").noconvert(), py::kw_only(), py::arg("threads"),
             "Returns the fraction of embeddings classified correctly, in [0, 1].");
  module.def("row_losses", &get_row_losses, py::arg("head"), py::arg("embeddings"),
             py::arg("labels").noconvert(), py::arg("rows").noconvert(), py::arg("temperatures"),
             py::kw_only(), py::arg("threads"),
             "Returns the cross entropy of some rows for each temperature that logits are divided\n"
             "by, [T, M], and whether each row is classified correctly, [M].");
}

}  // namespace coral_learn
