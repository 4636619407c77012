#include "bindings/arrays.h"
#include "bindings/register.h"
#include "bindings/signals.h"

namespace coral_learn {
namespace {

ClassArray predict_classes(WeightArray weights, BiasArray biases,
                           const StoredEmbeddings& embeddings) {
  const SoftmaxHead head = head_view(weights, biases);
  check_features(head, embeddings.view());
  ClassArray classes(embeddings.view().rows);
  std::int64_t* out = classes.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    predict(head, embeddings.view(), out, SignalPoll());
  }
  return classes;
}

ProbabilityArray predict_proba(WeightArray weights, BiasArray biases,
                               const StoredEmbeddings& embeddings) {
  const SoftmaxHead head = head_view(weights, biases);
  check_features(head, embeddings.view());
  ProbabilityArray probabilities({embeddings.view().rows, head.classes()});
  float* out = probabilities.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    predict_probabilities(head, embeddings.view(), out, SignalPoll());
  }
  return probabilities;
}

double accuracy(WeightArray weights, BiasArray biases, const StoredEmbeddings& embeddings,
                const LabelArray& labels) {
  const SoftmaxHead head = head_view(weights, biases);
  const LabeledEmbeddings data = labeled_view(head, embeddings.view(), labels);
  const py::gil_scoped_release unlocked;
  return evaluate(head, data, SignalPoll()).accuracy;
}

}  // namespace

void register_inference(py::module_& module) {
  module.def("predict", &predict_classes, py::arg("weights").noconvert(),
             py::arg("biases").noconvert(), py::arg("embeddings"));
  module.def("predict_proba", &predict_proba, py::arg("weights").noconvert(),
             py::arg("biases").noconvert(), py::arg("embeddings"));
  module.def("accuracy", &accuracy, py::arg("weights").noconvert(), py::arg("biases").noconvert(),
             py::arg("embeddings"), py::arg("labels").noconvert());
}

}  // namespace coral_learn
