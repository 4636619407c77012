#include "bindings/arrays.h"
#include "bindings/engine.h"
#include "bindings/register.h"
#include "core/inference.h"

namespace coral_learn {
namespace {

ClassArray predict_classes(const WeightArray& weights, const BiasArray& biases,
                           const StoredEmbeddings& embeddings, int threads) {
  const Engine engine = make_engine(threads);
  const SoftmaxHead head = read_head(weights, biases);
  check_features(head, embeddings.view());
  ClassArray classes(embeddings.view().rows);
  std::int64_t* out = classes.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    predict(engine, head, embeddings.view(), out);
  }
  return classes;
}

ProbabilityArray predict_proba(const WeightArray& weights, const BiasArray& biases,
                               const StoredEmbeddings& embeddings, int threads) {
  const Engine engine = make_engine(threads);
  const SoftmaxHead head = read_head(weights, biases);
  check_features(head, embeddings.view());
  ProbabilityArray probabilities({embeddings.view().rows, head.classes()});
  float* out = probabilities.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    predict_probabilities(engine, head, embeddings.view(), out);
  }
  return probabilities;
}

double get_accuracy(const WeightArray& weights, const BiasArray& biases,
                    const StoredEmbeddings& embeddings, const LabelArray& labels, int threads) {
  const Engine engine = make_engine(threads);
  const SoftmaxHead head = read_head(weights, biases);
  const LabeledEmbeddings data = labeled_view(head, embeddings.view(), labels);
  const py::gil_scoped_release unlocked;
  return accuracy(engine, head, data);
}

}  // namespace

void register_inference(py::module_& module) {
  module.def("predict", &predict_classes, py::arg("weights").noconvert(),
             py::arg("biases").noconvert(), py::arg("embeddings"), py::kw_only(),
             py::arg("threads"));
  module.def("predict_proba", &predict_proba, py::arg("weights").noconvert(),
             py::arg("biases").noconvert(), py::arg("embeddings"), py::kw_only(),
             py::arg("threads"));
  module.def("accuracy", &get_accuracy, py::arg("weights").noconvert(),
             py::arg("biases").noconvert(), py::arg("embeddings"), py::arg("labels").noconvert(),
             py::kw_only(), py::arg("threads"));
}

}  // namespace coral_learn
