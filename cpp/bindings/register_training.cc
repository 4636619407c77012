#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <optional>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "bindings/signals.h"
#include "core/sgd.h"

namespace coral_learn {
namespace {

void train(WeightArray weights, BiasArray biases, const StoredEmbeddings& training,
           const LabelArray& training_labels, const StoredEmbeddings* validation,
           const std::optional<LabelArray>& validation_labels, std::int64_t iterations,
           float learning_rate, std::ptrdiff_t batch_size, float l2_penalty, std::uint64_t seed,
           std::int64_t report_interval, const py::function& on_report) {
  SoftmaxHead head = head_view(weights, biases);
  const LabeledEmbeddings training_data = labeled_view(head, training.view(), training_labels);
  std::optional<LabeledEmbeddings> validation_data;
  if (validation != nullptr && validation_labels) {
    validation_data = labeled_view(head, validation->view(), *validation_labels);
  }
  const SgdOptions options{iterations, learning_rate, batch_size,
                           l2_penalty, seed,          report_interval};
  const auto report = [&](const SgdReport& progress) {
    const py::gil_scoped_acquire gil;
    on_report(progress.iteration, progress.loss, progress.training_accuracy,
              progress.validation_accuracy);
  };
  const py::gil_scoped_release unlocked;
  train_with_sgd(head, training_data, validation_data, options, report, SignalPoll());
}

}  // namespace

void register_training(py::module_& module) {
  module.def("train_with_sgd", &train, py::arg("weights").noconvert(),
             py::arg("biases").noconvert(), py::arg("training"),
             py::arg("training_labels").noconvert(), py::arg("validation"),
             py::arg("validation_labels"), py::kw_only(), py::arg("iterations"),
             py::arg("learning_rate"), py::arg("batch_size"), py::arg("l2_penalty"),
             py::arg("seed"), py::arg("report_interval"), py::arg("on_report"),
             "Trains weights [C, D] and biases [C] in place. An exception from on_report or a\n"
             "signal handler stops it and leaves the weights of the last whole iteration.");
}

}  // namespace coral_learn
