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

}  // namespace

void register_inference(py::module_& module) {
  module.def("predict", &predict_classes, py::arg("head"), py::arg("embeddings"), py::kw_only(),
             py::arg("threads"), "Returns the most probable class of each embedding, [N].");
  module.def("predict_proba", &predict_proba, py::arg("head"), py::arg("embeddings"), py::kw_only(),
             py::arg("threads"), "Returns the probability of each class, [N, C].");
  module.def("accuracy", &get_accuracy, py::arg("head"), py::arg("embeddings"),
             py::arg("labels").noconvert(), py::kw_only(), py::arg("threads"),
             "Returns the fraction of embeddings classified correctly, in [0, 1].");
}

}  // namespace coral_learn
