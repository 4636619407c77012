#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/engine.h"
#include "bindings/register.h"
#include "core/fit.h"
#include "core/sgd.h"

namespace coral_learn {
namespace {

void train(WeightArray weights, BiasArray biases, const StoredEmbeddings& training,
           const LabelArray& training_labels, const StoredEmbeddings* validation,
           const std::optional<LabelArray>& validation_labels, const SgdOptions& options,
           const py::function& on_report, int threads) {
  const Engine engine = make_engine(threads);
  SoftmaxHead head = read_head(weights, biases);
  const LabeledEmbeddings training_data = labeled_view(head, training.view(), training_labels);
  std::optional<LabeledEmbeddings> validation_data;
  if (validation != nullptr && validation_labels) {
    validation_data = labeled_view(head, validation->view(), *validation_labels);
  }
  float* const out_weights = weights.mutable_data();
  float* const out_biases = biases.mutable_data();
  const auto report = [&](const SgdReport& news) {
    head.copy_to(out_weights, out_biases);
    const py::gil_scoped_acquire gil;
    py::object validation_loss = py::none(), validation_accuracy = py::none();
    if (news.validation) {
      validation_loss = py::float_(news.validation->cross_entropy);
      validation_accuracy = py::float_(news.validation->accuracy);
    }
    on_report(news.iteration, news.loss, news.training_accuracy, validation_loss,
              validation_accuracy);
  };
  const py::gil_scoped_release unlocked;
  try {
    train_with_sgd(engine, head, training_data, validation_data, options, report);
  } catch (...) {
    head.copy_to(out_weights, out_biases);
    throw;
  }
  head.copy_to(out_weights, out_biases);
}

// Rows of the data, each less than their number.
using RowArray = py::array_t<std::uint32_t, py::array::c_style>;
using ClassWeightArray = py::array_t<float, py::array::c_style>;  // [C]

std::unique_ptr<HeadFit> start_fit(const WeightArray& weights, const BiasArray& biases,
                                   const StoredEmbeddings& embeddings, const LabelArray& labels,
                                   const RowArray& rows,
                                   const std::optional<ClassWeightArray>& class_weights,
                                   int threads) {
  const Engine engine = make_engine(threads);
  const SoftmaxHead head = read_head(weights, biases);
  const LabeledEmbeddings data = labeled_view(head, embeddings.view(), labels);
  std::vector<std::uint32_t> chosen(rows.data(), rows.data() + rows.size());
  const auto valid = [&](std::uint32_t row) { return row < embeddings.view().rows; };
  if (chosen.empty() || !std::all_of(chosen.begin(), chosen.end(), valid)) {
    throw std::invalid_argument("rows must be one or more rows of the embeddings");
  }
  std::vector<float> weights_of_classes;
  if (class_weights) {
    weights_of_classes.assign(class_weights->data(), class_weights->data() + class_weights->size());
    if (class_weights->size() != head.classes()) {
      throw std::invalid_argument("there must be one weight a class");
    }
  }
  const py::gil_scoped_release unlocked;
  return std::make_unique<HeadFit>(engine, head, data, std::move(chosen),
                                   std::move(weights_of_classes));
}

bool run_fit(HeadFit& fit, double l2_penalty, double tolerance, int max_iterations,
             const py::function& on_report) {
  const auto report = [&](const FitReport& news) {
    const py::gil_scoped_acquire gil;
    on_report(news.iteration, news.loss);
  };
  const py::gil_scoped_release unlocked;
  return fit.run({l2_penalty, tolerance, max_iterations}, report);
}

std::pair<WeightArray, BiasArray> head_of(const HeadFit& fit) {
  WeightArray weights({fit.head().classes(), fit.head().features()});
  BiasArray biases(fit.head().classes());
  fit.head().copy_to(weights.mutable_data(), biases.mutable_data());
  return {weights, biases};
}

}  // namespace

void register_training(py::module_& module) {
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
  module.def("train_with_sgd", &train, py::arg("weights").noconvert(),
             py::arg("biases").noconvert(), py::arg("training"),
             py::arg("training_labels").noconvert(), py::arg("validation"),
             py::arg("validation_labels"), py::arg("options"), py::kw_only(), py::arg("on_report"),
             py::arg("threads"),
             "Trains weights [C, D] and biases [C] in place. An exception from on_report or a\n"
             "signal handler stops it and leaves the weights of the last whole iteration.");
  // The embeddings and labels are read in place, and so have to live as long.
  py::class_<HeadFit>(module, "HeadFit", type,
                      "A head that is fitted to some rows, under one penalty after another.")
      .def(py::init(&start_fit), py::arg("weights").noconvert(), py::arg("biases").noconvert(),
           py::arg("embeddings"), py::arg("labels").noconvert(), py::arg("rows").noconvert(),
           py::arg("class_weights"), py::kw_only(), py::arg("threads"), py::keep_alive<1, 4>(),
           py::keep_alive<1, 5>())
      .def("run", &run_fit, py::kw_only(), py::arg("l2_penalty"), py::arg("tolerance"),
           py::arg("max_iterations"), py::arg("on_report"),
           "Goes on from the head as it is, and returns whether the tolerance was reached. It is\n"
           "stopped as train_with_sgd is.")
      .def("head", &head_of, "Returns weights [C, D] and biases [C].");
}

}  // namespace coral_learn
