#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/execution.h"
#include "bindings/register.h"
#include "core/fit.h"
#include "core/row_sums.h"
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

using RealMatrix = py::array_t<double, py::array::c_style>;  // [C, D] or [D, K]
using RealVector = py::array_t<double, py::array::c_style>;  // [D] or [C]
using SignMatrix = py::array_t<float, py::array::c_style>;   // [D, K]

std::shared_ptr<Variation> make_variation(const RealVector& mean, double spread,
                                          const RealMatrix& sketch, const RealVector& sketch_total,
                                          double sketch_rows, const SignMatrix& signs) {
  const py::ssize_t features = mean.size();
  if (mean.ndim() != 1 || sketch.ndim() != 2 || sketch.shape(0) != features || signs.ndim() != 2 ||
      signs.shape(0) != features || signs.shape(1) != sketch.shape(1) || signs.size() == 0 ||
      sketch_total.ndim() != 1 || sketch_total.size() != features) {
    throw std::invalid_argument("mean and total must be [D], sketch and signs [D, K]");
  }
  if (!(spread > 0)) throw std::invalid_argument("spread must be positive");
  const Eigen::Map<const LossSums::Matrix> products(sketch.data(), features, sketch.shape(1));
  const Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>
      given_signs(signs.data(), features, signs.shape(1));
  return std::make_shared<Variation>(
      variation_of(Eigen::Map<const Eigen::VectorXd>(mean.data(), features), spread,
                   {products, Eigen::Map<const Eigen::VectorXd>(sketch_total.data(), features)},
                   sketch_rows, given_signs.cast<double>()));
}

py::tuple make_sketch(const StoredEmbeddings& embeddings, const RowIndices& rows,
                      const SignMatrix& signs, int threads) {
  const Execution execution = make_execution(threads);
  const EmbeddingView& view = embeddings.view();
  if (signs.ndim() != 2 || signs.shape(0) != view.features || signs.size() == 0) {
    throw std::invalid_argument("signs must be [D, K]");
  }
  PaddedMatrix by_column(signs.shape(1), view.features);
  for (py::ssize_t k = 0; k < signs.shape(1); ++k) {
    for (py::ssize_t j = 0; j < view.features; ++j) by_column.row(k)[j] = signs.at(j, k);
  }
  const std::vector<std::uint32_t> chosen = chosen_rows(rows, view);
  Sketch sketch;
  {
    const py::gil_scoped_release unlocked;
    sketch = sketch_of(execution, view, chosen, by_column);
  }
  const LossSums::Matrix products = sketch.products;  // row-major
  return py::make_tuple(RealMatrix({view.features, signs.shape(1)}, products.data()),
                        RealVector(view.features, sketch.total.data()));
}

std::unique_ptr<RowSums> make_row_sums(std::ptrdiff_t num_classes,
                                       const StoredEmbeddings& embeddings,
                                       const LabelVector& labels, const RowIndices& rows,
                                       const std::optional<SampleWeightVector>& row_weights,
                                       int threads) {
  const Execution execution = make_execution(threads);
  const LabeledEmbeddings data = labeled_view(embeddings.view(), labels, num_classes);
  if (row_weights && (row_weights->ndim() != 1 || row_weights->size() != data.embeddings.rows)) {
    throw std::invalid_argument("there must be one weight for each row");
  }
  return std::make_unique<RowSums>(execution, num_classes, data, chosen_rows(rows, data.embeddings),
                                   row_weights ? row_weights->data() : nullptr);
}

void check_shape(std::ptrdiff_t classes, std::ptrdiff_t features, const SoftmaxHead& head) {
  if (head.classes() != classes || head.features() != features) {
    throw std::invalid_argument("the head differs in classes or features");
  }
}

py::tuple row_sums(RowSums& rows, const SoftmaxHead& head) {
  check_shape(rows.classes(), rows.features(), head);
  LossSums sums(rows.classes(), rows.features());
  {
    const py::gil_scoped_release unlocked;
    rows.add_to(head, sums);
  }
  return py::make_tuple(sums.loss,
                        RealMatrix({rows.classes(), rows.features()}, sums.weight_gradient.data()),
                        RealVector(rows.classes(), sums.bias_gradient.data()), sums.weight);
}

// Returns a fit to rows in memory, which must outlive it.
std::unique_ptr<HeadFit> make_fit(std::ptrdiff_t num_classes,
                                  std::shared_ptr<const Variation> variation,
                                  const std::vector<RowSums*>& parts) {
  for (const RowSums* part : parts) {
    if (part->classes() != num_classes || part->features() != variation->mean.size()) {
      throw std::invalid_argument("the rows differ in classes or features");
    }
  }
  const AddLoss add_loss = [parts](const SoftmaxHead& head, LossSums& sums) {
    for (RowSums* part : parts) part->add_to(head, sums);
  };
  return std::make_unique<HeadFit>(add_loss, num_classes, std::move(variation));
}

// Adds what a function of Python returns for the weights [C, D] and the biases [C] of a head.
void add_answer(const py::object& answer, LossSums& sums) {
  const auto [loss, weight_gradient, bias_gradient, weight] =
      answer.cast<std::tuple<double, RealMatrix, RealVector, double>>();
  const std::ptrdiff_t classes = sums.bias_gradient.size(), size = sums.weight_gradient.size();
  if (weight_gradient.size() != size || bias_gradient.size() != classes) {
    throw std::invalid_argument("the gradient differs in classes or features");
  }
  sums.loss += loss;
  sums.weight += weight;
  sums.weight_gradient += Eigen::Map<const LossSums::Matrix>(weight_gradient.data(), classes,
                                                             sums.weight_gradient.cols());
  sums.bias_gradient += Eigen::Map<const Eigen::VectorXd>(bias_gradient.data(), classes);
}

// Returns a fit to rows of which a function tells the sums.
std::unique_ptr<HeadFit> make_called_fit(std::ptrdiff_t num_classes,
                                         std::shared_ptr<const Variation> variation,
                                         const py::function& function) {
  // The function is kept alive by the object of Python that holds the fit: this one is not counted.
  const AddLoss add_loss = [called = function.ptr()](const SoftmaxHead& head, LossSums& sums) {
    const py::gil_scoped_acquire gil;
    WeightMatrix weights({head.classes(), head.features()});
    BiasVector biases(head.classes());
    copy_head(head, weights, biases);
    add_answer(py::reinterpret_borrow<py::function>(called)(weights, biases), sums);
  };
  return std::make_unique<HeadFit>(add_loss, num_classes, std::move(variation));
}

void learn_from(HeadFit& fit, HeadFit& other) {
  if (other.classes() != fit.classes() || other.features() != fit.features()) {
    throw std::invalid_argument("the fits differ in classes or features");
  }
  fit.learn_from(other);
}

bool run_fit(HeadFit& fit, SoftmaxHead& head, double l2_penalty, double tolerance,
             double min_decrease, double weight_error, int max_iterations,
             const py::function& on_report) {
  check_shape(fit.classes(), fit.features(), head);
  const auto call_on_report = [&](const FitReport& report) {
    const py::gil_scoped_acquire gil;
    on_report(report.iteration, report.loss);
  };
  const py::gil_scoped_release unlocked;
  return fit.run(head, {l2_penalty, tolerance, min_decrease, weight_error, max_iterations},
                 call_on_report);
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
      .def(py::init(&make_variation), py::arg("mean"), py::arg("spread"), py::arg("sketch"),
           py::arg("sketch_total"), py::arg("sketch_rows"), py::arg("signs"));
  module.def("sketch", &make_sketch, py::arg("embeddings"), py::arg("rows").noconvert(),
             py::arg("signs"), py::kw_only(), py::arg("threads"),
             "Returns sums over some rows x: x (x . signs), [D, K], and x, [D].");
  // The arrays are read in place, and so must live as long as the object.
  py::class_<RowSums>(module, "RowSums", type, "The loss of heads on some rows in memory.")
      .def(py::init(&make_row_sums), py::arg("num_classes"), py::arg("embeddings"),
           py::arg("labels").noconvert(), py::arg("rows").noconvert(),
           py::arg("row_weights").noconvert(), py::kw_only(), py::arg("threads"),
           py::keep_alive<1, 3>(), py::keep_alive<1, 4>(), py::keep_alive<1, 6>())
      .def("sums", &row_sums, py::arg("head"),
           "Returns the summed loss, its gradients by weights [C, D] and biases [C], and the sum\n"
           "of the weights of the rows.");
  py::class_<HeadFit>(module, "HeadFit", type,
                      "Fits heads to some rows, under one penalty after another.")
      .def(py::init(&make_fit), py::arg("num_classes"), py::arg("variation").none(false),
           py::arg("rows"), py::keep_alive<1, 4>())
      .def(py::init(&make_called_fit), py::arg("num_classes"), py::arg("variation").none(false),
           py::arg("rows"), py::keep_alive<1, 4>())
      .def("learn_from", &learn_from, py::arg("other"),
           "Takes away what a fit to similar rows, of the same variation, has learned of the\n"
           "curvature of the loss, so that this one needs fewer iterations.")
      .def("run", &run_fit, py::arg("head"), py::kw_only(), py::arg("l2_penalty"),
           py::arg("tolerance") = 0, py::arg("min_decrease") = 0, py::arg("weight_error") = 0,
           py::arg("max_iterations"), py::arg("on_report"),
           "Fits the head in place, starting from its weights, until the loss is within the\n"
           "tolerance of its minimum, an iteration lowers it by less than min_decrease, or no\n"
           "weight seems to be further off than weight_error times the largest weight.\n"
           "Returns False if max_iterations came first. It stops as train_with_sgd does.");
}

}  // namespace coral_learn
