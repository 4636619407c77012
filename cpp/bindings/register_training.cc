#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/execution.h"
#include "bindings/register.h"
#include "core/fit.h"
#include "core/sgd.h"

namespace coral_learn {
namespace {

void train(SoftmaxHead& head, const StoredEmbeddings& training, const LabelVector& training_labels,
           const StoredEmbeddings* validation, const std::optional<LabelVector>& validation_labels,
           const SgdOptions& options, const py::function& on_report, int threads) {
  const Execution execution = make_execution(threads);
  check_features(head, training.view());
  const LabeledEmbeddings training_data =
      labeled_view(training.view(), training_labels, head.classes());
  std::optional<LabeledEmbeddings> validation_data;
  if (validation != nullptr && validation_labels) {
    check_features(head, validation->view());
    validation_data = labeled_view(validation->view(), *validation_labels, head.classes());
  }
  const auto call_on_report = [&](const SgdReport& report) {
    const py::gil_scoped_acquire gil;
    py::object validation_loss = py::none(), validation_accuracy = py::none();
    if (report.validation) {
      validation_loss = py::float_(report.validation->cross_entropy);
      validation_accuracy = py::float_(report.validation->accuracy);
    }
    on_report(report.iteration, report.loss, report.training_accuracy, validation_loss,
              validation_accuracy);
  };
  const py::gil_scoped_release unlocked;
  train_with_sgd(execution, head, training_data, validation_data, options, call_on_report);
}

// Returns a copy of weights, or nothing if there are none. Throws std::invalid_argument.
std::vector<float> copy_weights(
    const std::optional<py::array_t<float, py::array::c_style>>& weights, std::ptrdiff_t count,
    const std::string& of) {
  if (!weights) return {};
  if (weights->ndim() != 1 || weights->size() != count) {
    throw std::invalid_argument("there must be one weight for each " + of);
  }
  return {weights->data(), weights->data() + count};
}

Variation make_variation(const StoredEmbeddings& embeddings,
                         const std::optional<SampleWeightVector>& sample_weights) {
  const EmbeddingView view = embeddings.view();
  if (view.rows == 0) throw std::invalid_argument("there must be embeddings");
  std::vector<std::uint32_t> rows(view.rows);
  std::iota(rows.begin(), rows.end(), 0);
  const std::vector<float> weights = copy_weights(sample_weights, view.rows, "row");
  const py::gil_scoped_release unlocked;
  return variation_of(view, rows, weights);
}

std::unique_ptr<HeadFit> make_fit(std::ptrdiff_t num_classes, const StoredEmbeddings& embeddings,
                                  const LabelVector& labels,
                                  std::shared_ptr<const Variation> variation,
                                  const RowIndices& rows,
                                  const std::optional<ClassWeightVector>& class_weights,
                                  const std::optional<SampleWeightVector>& sample_weights,
                                  int threads) {
  const Execution execution = make_execution(threads);
  const LabeledEmbeddings data = labeled_view(embeddings.view(), labels, num_classes);
  std::vector<std::uint32_t> chosen(rows.data(), rows.data() + rows.size());
  const auto valid = [&](std::uint32_t row) { return row < embeddings.view().rows; };
  if (chosen.empty() || !std::all_of(chosen.begin(), chosen.end(), valid)) {
    throw std::invalid_argument("rows must be one or more rows of the embeddings");
  }
  if (variation->mean.size() != embeddings.view().features) {
    throw std::invalid_argument("the variation is that of other embeddings");
  }
  const FitWeights weights{copy_weights(class_weights, num_classes, "class"),
                           copy_weights(sample_weights, embeddings.view().rows, "row")};
  const py::gil_scoped_release unlocked;
  return std::make_unique<HeadFit>(execution, num_classes, data, std::move(variation),
                                   std::move(chosen), weights);
}

bool run_fit(HeadFit& fit, SoftmaxHead& head, double l2_penalty, double tolerance,
             int max_iterations, double min_decrease, const py::function& on_report) {
  if (head.classes() != fit.classes() || head.features() != fit.features()) {
    throw std::invalid_argument("the head and the fit differ in classes or features");
  }
  const auto call_on_report = [&](const FitReport& report) {
    const py::gil_scoped_acquire gil;
    on_report(report.iteration, report.loss);
  };
  const py::gil_scoped_release unlocked;
  return fit.run(head, {l2_penalty, tolerance, max_iterations, min_decrease}, call_on_report);
}

}  // namespace

void register_training(py::module_& module) {
  // With Python's own metaclass, so that the classes are what their stubs say.
  const py::metaclass type(reinterpret_cast<PyObject*>(&PyType_Type));
  py::class_<SgdOptions>(module, "SgdOptions", type)
      .def(py::init([](std::int64_t iterations, float learning_rate, std::ptrdiff_t batch_size,
                       float l2_penalty, std::uint64_t seed, std::int64_t report_interval,
                       float learning_rate_decay, float momentum, bool with_replacement,
                       std::int64_t patience) {
             return SgdOptions{
                 iterations,      learning_rate,       batch_size, l2_penalty,       seed,
                 report_interval, learning_rate_decay, momentum,   with_replacement, patience};
           }),
           py::kw_only(), py::arg("iterations"), py::arg("learning_rate"), py::arg("batch_size"),
           py::arg("l2_penalty"), py::arg("seed"), py::arg("report_interval"),
           py::arg("learning_rate_decay"), py::arg("momentum"), py::arg("with_replacement"),
           py::arg("patience"));
  module.def("train_with_sgd", &train, py::arg("head"), py::arg("training"),
             py::arg("training_labels").noconvert(), py::arg("validation"),
             py::arg("validation_labels"), py::arg("options"), py::kw_only(), py::arg("on_report"),
             py::arg("threads"),
             "Trains the head in place. An exception from on_report or a signal handler stops it;\n"
             "the head then has the weights of the last whole iteration.");
  py::class_<Variation, std::shared_ptr<Variation>>(
      module, "Variation", type, "How embeddings vary: what fits of heads to them share.")
      .def(py::init(&make_variation), py::arg("embeddings"), py::arg("sample_weights"));
  // The embeddings and labels are read in place, and so must live as long as the fit.
  py::class_<HeadFit>(module, "HeadFit", type,
                      "Fits heads to some rows of embeddings, under one penalty after another.")
      .def(py::init(&make_fit), py::arg("num_classes"), py::arg("embeddings"),
           py::arg("labels").noconvert(), py::arg("variation").none(false),
           py::arg("rows").noconvert(), py::arg("class_weights"), py::arg("sample_weights"),
           py::kw_only(), py::arg("threads"), py::keep_alive<1, 3>(), py::keep_alive<1, 4>())
      .def("run", &run_fit, py::arg("head"), py::kw_only(), py::arg("l2_penalty"),
           py::arg("tolerance"), py::arg("max_iterations"), py::arg("min_decrease") = 0,
           py::arg("on_report"),
           "Fits the head in place, starting from its weights, until the loss is as close to its\n"
           "minimum as the tolerance asks, or an iteration lowers it by less than min_decrease.\n"
           "Returns False if max_iterations came first. It stops as train_with_sgd does.");
}

}  // namespace coral_learn
