#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <optional>

#include "bindings/arrays.h"
#include "bindings/engine.h"
#include "bindings/register.h"
#include "core/sgd.h"

namespace coral_learn {
namespace {

void train(WeightArray weights, BiasArray biases, const StoredEmbeddings& training,
           const LabelArray& training_labels, const StoredEmbeddings* validation,
           const std::optional<LabelArray>& validation_labels, std::int64_t iterations,
           float learning_rate, std::ptrdiff_t batch_size, float l2_penalty, std::uint64_t seed,
           std::int64_t report_interval, const py::function& on_report, int threads) {
  const Engine engine = make_engine(threads);
  SoftmaxHead head = read_head(weights, biases);
  const LabeledEmbeddings training_data = labeled_view(head, training.view(), training_labels);
  std::optional<LabeledEmbeddings> validation_data;
  if (validation != nullptr && validation_labels) {
    validation_data = labeled_view(head, validation->view(), *validation_labels);
  }
  const SgdOptions options{iterations, learning_rate, batch_size,
                           l2_penalty, seed,          report_interval};
  float* const out_weights = weights.mutable_data();
  float* const out_biases = biases.mutable_data();
  const auto report = [&](const SgdReport& news) {
    head.copy_to(out_weights, out_biases);
    const py::gil_scoped_acquire gil;
    on_report(news.iteration, news.loss, news.training_accuracy, news.validation_accuracy);
  };
  const py::gil_scoped_release unlocked;
  try {
    train_with_sgd(engine, head, training_data, validation_data, options, report);
  } catch (...) {
    head.copy_to(out_weights, out_biases);
    throw;
  }
}

}  // namespace

void register_training(py::module_& module) {
  module.def("train_with_sgd", &train, py::arg("weights").noconvert(),
             py::arg("biases").noconvert(), py::arg("training"),
             py::arg("training_labels").noconvert(), py::arg("validation"),
             py::arg("validation_labels"), py::kw_only(), py::arg("iterations"),
             py::arg("learning_rate"), py::arg("batch_size"), py::arg("l2_penalty"),
             py::arg("seed"), py::arg("report_interval"), py::arg("on_report"), py::arg("threads"),
             "Trains weights [C, D] and biases [C] in place. An exception from on_report or a\n"
             "signal handler stops it and leaves the weights of the last whole iteration.");
}

}  // namespace coral_learn
