#include "core/fit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>

#include "core/instruction_set.h"
#include "core/moments.h"
#include "core/row_sums.h"
#include "tests/reference.h"

namespace coral_learn {
namespace {

constexpr std::ptrdiff_t kRows = 60, kFeatures = 21, kClasses = 7;

std::vector<std::uint32_t> all_rows(std::ptrdiff_t count) {
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

void ignore(const FitReport&) {}

struct Weights {
  std::vector<float> of_classes;  // empty for 1
  std::vector<float> of_rows;     // empty for 1
};

// Rows that can be fitted, and what the fit needs of them.
class Rows {
 public:
  Rows(const Execution& execution, std::ptrdiff_t classes, const LabeledEmbeddings& data,
       const std::vector<std::uint32_t>& rows, const Weights& weights = {})
      : weights_(data.embeddings.rows, 1) {
    for (std::size_t row = 0; row < weights_.size(); ++row) {
      if (!weights.of_classes.empty()) weights_[row] *= weights.of_classes[data.labels[row]];
      if (!weights.of_rows.empty()) weights_[row] *= weights.of_rows[row];
    }
    sums_ = std::make_shared<RowSums>(execution, classes, data, rows, weights_.data());
    const std::ptrdiff_t features = data.embeddings.features;
    PaddedMatrix signs(4, features);
    Eigen::MatrixXd same_signs(features, 4);
    for (std::ptrdiff_t j = 0; j < features; ++j) {
      for (std::ptrdiff_t k = 0; k < 4; ++k) {
        same_signs(j, k) = signs.row(k)[j] = (j * 7 + k * 5) % 3 == 0 ? 1 : -1;
      }
    }
    std::vector<float> counts(data.embeddings.rows);  // rows may be chosen several times
    for (const std::uint32_t row : rows) {
      counts[row] += weights.of_rows.empty() ? 1 : weights.of_rows[row];
    }
    const Moments moments = moments_of(data.embeddings, counts.data());
    const Eigen::VectorXd mean = moments.total / moments.weight;
    const double variance = moments.squares.sum() / moments.weight - mean.squaredNorm();
    variation_ =
        std::make_shared<Variation>(variation_of(mean, variance > 1e-9 ? std::sqrt(variance) : 1,
                                                 sketch_of(execution, data.embeddings, rows, signs),
                                                 static_cast<double>(rows.size()), same_signs));
  }

  HeadFit fit() const {
    const AddLoss add = [sums = sums_](const SoftmaxHead& head, LossSums& to) {
      sums->add_to(head, to);
    };
    return {add, sums_->classes(), variation_};
  }

  const std::shared_ptr<const Variation>& variation() const { return variation_; }

 private:
  std::vector<float> weights_;
  std::shared_ptr<RowSums> sums_;
  std::shared_ptr<const Variation> variation_;
};

// Fits a head to all rows, and returns whether it converged.
bool fit(const Execution& execution, SoftmaxHead& head, const LabeledEmbeddings& data,
         const std::vector<std::uint32_t>& rows, const FitOptions& options,
         const std::function<void(const FitReport&)>& on_report = ignore,
         const Weights& weights = {}) {
  const Rows fitted(execution, head.classes(), data, rows, weights);
  return fitted.fit().run(head, options, on_report);
}

// The loss that fit minimizes, and the norm of its gradient in the units that it works in.
struct PlainLoss {
  double value = 0;
  double gradient_norm = 0;

  PlainLoss(const SoftmaxHead& head, const Data& data, const FitOptions& options,
            const std::vector<float>& class_weights = {}) {
    const ReferenceHead reference(head);
    const Eigen::MatrixXd real = data.real();
    const Eigen::RowVectorXd mean = real.colwise().mean();
    const double spread = std::sqrt((real.rowwise() - mean).rowwise().squaredNorm().mean());
    Eigen::MatrixXd logit_gradients = reference.probabilities(real);
    double total = 0;
    for (Eigen::Index i = 0; i < real.rows(); ++i) {
      const std::int32_t label = data.labeled().labels[i];
      const double weight = class_weights.empty() ? 1 : class_weights[label];
      value -= weight * std::log(logit_gradients(i, label));
      logit_gradients(i, label) -= 1;
      logit_gradients.row(i) *= weight;
      total += weight;
    }
    const Eigen::MatrixXd weights = reference.weights * spread;
    value = value / total + 0.5 * options.l2_penalty * weights.squaredNorm();
    const Eigen::MatrixXd centered = (real.rowwise() - mean) / spread;
    const double squares =
        (logit_gradients.transpose() * centered / total + options.l2_penalty * weights)
            .squaredNorm() +
        (logit_gradients.colwise().sum() / total).squaredNorm();
    gradient_norm = std::sqrt(squares);
  }
};

TEST_CASE("the fit ends where the gradient is zero, for all instruction sets and types") {
  const std::vector<float> weights{1, 2, 0.5F, 1, 3, 1, 1};
  for (const Kernels* kernels : runnable_kernels()) {
    for (const StoredType type : {StoredType::kFloat32, StoredType::kUint8, StoredType::kInt8}) {
      for (const std::vector<float>& class_weights : {std::vector<float>(), weights}) {
        const Data data(type, kRows, kFeatures, kClasses);
        const FitOptions options{0.01, 1e-7};
        SoftmaxHead head = random_head(kClasses, kFeatures, 0.05F);
        double loss = 0;
        CHECK(fit(test_execution(*kernels), head, data.labeled(), all_rows(kRows), options,
                  [&](const FitReport& report) { loss = report.loss; }, {class_weights, {}}));
        const PlainLoss plain(head, data, options, class_weights);
        CHECK(loss == doctest::Approx(plain.value).epsilon(1e-5));
        CHECK(plain.gradient_norm < 2e-4);
      }
    }
  }
}

TEST_CASE("the result does not depend on the start or the number of threads") {
  const Data data(StoredType::kUint8, 300, 1500, 40);
  const FitOptions options{0.001, 1e-6};
  SoftmaxHead first = random_head(40, 1500, 0.05F, 1);
  SoftmaxHead second = random_head(40, 1500, 0.05F, 99);
  SoftmaxHead threaded = first;
  const Kernels& kernels = *runnable_kernels().front();
  fit(test_execution(kernels), first, data.labeled(), all_rows(300), options, ignore);
  fit(test_execution(kernels), second, data.labeled(), all_rows(300), options, ignore);
  fit(test_execution(kernels, 3), threaded, data.labeled(), all_rows(300), options, ignore);
  CHECK(PlainLoss(first, data, options).value ==
        doctest::Approx(PlainLoss(second, data, options).value).epsilon(1e-5));
  CHECK(std::equal(first.weights.data(), first.weights.data() + first.weights.size(),
                   threaded.weights.data()));
}

TEST_CASE("a fit under one penalty after another ends where a fit under the last one does") {
  const Data data(StoredType::kUint8, kRows, kFeatures, kClasses);
  const Execution execution = test_execution(*runnable_kernels().front());
  const SoftmaxHead start = random_head(kClasses, kFeatures, 0.05F);
  const Rows rows(execution, kClasses, data.labeled(), all_rows(kRows));
  HeadFit path = rows.fit();
  SoftmaxHead head = start;
  int iterations = 0;
  for (const double penalty : {1.0, 0.1, 0.01, 0.1}) {
    const FitOptions options{penalty, 1e-7};
    const double loss_at_start = PlainLoss(head, data, options).value;
    CHECK(path.run(head, options, [&](const FitReport& report) {
      iterations = report.iteration;
      if (iterations == 0) CHECK(report.loss == doctest::Approx(loss_at_start).epsilon(1e-6));
    }));
    SoftmaxHead direct = start;
    int direct_iterations = 0;
    fit(execution, direct, data.labeled(), all_rows(kRows), options,
        [&](const FitReport& report) { direct_iterations = report.iteration; });
    CHECK(iterations <= direct_iterations);
    CHECK(PlainLoss(head, data, options).value ==
          doctest::Approx(PlainLoss(direct, data, options).value).epsilon(1e-6));
  }
}

TEST_CASE("a fit learns from one to fewer rows under another penalty") {
  const Data data(StoredType::kUint8, kRows, kFeatures, kClasses);
  const Execution execution = test_execution(*runnable_kernels().front());
  const FitOptions options{0.01, 1e-7};
  const Rows rows(execution, kClasses, data.labeled(), all_rows(kRows));
  const Rows fewer(execution, kClasses, data.labeled(), all_rows(kRows * 4 / 5));
  const auto run = [&](HeadFit& fit) {
    SoftmaxHead head = random_head(kClasses, kFeatures, 0.05F);
    int iterations = 0;
    CHECK(fit.run(head, options, [&](const FitReport& report) { iterations = report.iteration; }));
    return std::make_pair(iterations, PlainLoss(head, data, options).value);
  };
  HeadFit other = fewer.fit();
  SoftmaxHead head = random_head(kClasses, kFeatures, 0.05F);
  other.run(head, {0.1, 1e-7}, ignore);
  HeadFit informed = rows.fit();
  informed.learn_from(other);
  const auto [iterations, loss] = run(informed);
  HeadFit alone = rows.fit();
  const auto [iterations_alone, loss_alone] = run(alone);
  CHECK(iterations < iterations_alone);
  CHECK(loss == doctest::Approx(loss_alone).epsilon(1e-6));
}

TEST_CASE("a fit starts from the head it is given, wherever the last one ended") {
  const Data data(StoredType::kUint8, kRows, kFeatures, kClasses);
  const FitOptions options{0.01, 1e-7};
  const Rows rows(test_execution(*runnable_kernels().front()), kClasses, data.labeled(),
                  all_rows(kRows));
  HeadFit path = rows.fit();
  SoftmaxHead head = random_head(kClasses, kFeatures, 0.05F);
  path.run(head, options, ignore);
  head.biases[2] += 1;
  const double loss_at_start = PlainLoss(head, data, options).value;
  path.run(head, options, [&](const FitReport& report) {
    if (report.iteration == 0) CHECK(report.loss == doctest::Approx(loss_at_start).epsilon(1e-6));
  });
}

TEST_CASE("a fit ends when an iteration hardly lowers the loss") {
  const Data data(StoredType::kUint8, kRows, kFeatures, kClasses);
  SoftmaxHead head = random_head(kClasses, kFeatures, 0.05F);
  std::vector<double> losses;
  CHECK(fit(test_execution(*runnable_kernels().front()), head, data.labeled(), all_rows(kRows),
            {1e-4, 0, 0.01}, [&](const FitReport& report) { losses.push_back(report.loss); }));
  REQUIRE(losses.size() > 2);
  for (std::size_t i = 1; i < losses.size(); ++i) {
    CHECK((losses[i - 1] - losses[i] < 0.01) == (i + 1 == losses.size()));
  }
}

TEST_CASE("rows that are not chosen do not count") {
  const Data data(StoredType::kFloat32, kRows, kFeatures, kClasses);
  const Data part(StoredType::kFloat32, kRows / 2, kFeatures, kClasses);
  const FitOptions options{0.01, 1e-7};
  SoftmaxHead head = random_head(kClasses, kFeatures, 0.05F);
  std::vector<std::uint32_t> rows = all_rows(kRows / 2);
  std::vector<std::uint32_t> twice = rows;
  twice.insert(twice.end(), rows.begin(), rows.end());
  SoftmaxHead doubled = head;
  fit(test_execution(*runnable_kernels().front()), head, data.labeled(), rows, options, ignore);
  fit(test_execution(*runnable_kernels().front()), doubled, data.labeled(), twice, options, ignore);
  const ReferenceHead once(head), both(doubled);
  CHECK((once.weights - both.weights).cwiseAbs().maxCoeff() < 1e-2);
}

TEST_CASE("a row of weight 3 counts like three rows, and one of weight 0 like none") {
  const std::vector<float> class_weights{1, 2, 0.5F, 1, 3, 1, 1};
  for (const StoredType type : {StoredType::kFloat32, StoredType::kUint8}) {
    for (const bool with_classes : {false, true}) {
      const Data data(type, kRows, kFeatures, kClasses);
      const FitOptions options{0.01, 1e-7};
      std::vector<float> weights(kRows);
      std::vector<std::uint32_t> repeated;
      for (std::uint32_t row = 0; row < kRows; ++row) {
        weights[row] = static_cast<float>(row % 4);
        repeated.insert(repeated.end(), row % 4, row);
      }
      const std::vector<float> of_classes = with_classes ? class_weights : std::vector<float>();
      SoftmaxHead weighted = random_head(kClasses, kFeatures, 0.05F), copied = weighted;
      const Execution execution = test_execution(*runnable_kernels().front());
      double weighted_loss = 0, copied_loss = 0;
      CHECK(fit(execution, weighted, data.labeled(), all_rows(kRows), options,
                [&](const FitReport& report) { weighted_loss = report.loss; },
                {of_classes, weights}));
      CHECK(fit(execution, copied, data.labeled(), repeated, options,
                [&](const FitReport& report) { copied_loss = report.loss; }, {of_classes, {}}));
      CHECK(weighted_loss == doctest::Approx(copied_loss).epsilon(1e-6));
      const ReferenceHead once(weighted), several(copied);
      CHECK((once.weights - several.weights).cwiseAbs().maxCoeff() < 1e-2);
    }
  }
}

TEST_CASE("fits to the same rows in any number of parts end with nearly the same weights") {
  const Execution execution = test_execution(*runnable_kernels().front());
  const Data data(StoredType::kUint8, 300, 150, 5);
  const Rows whole(execution, 5, data.labeled(), all_rows(300));
  const FitOptions options{1e-4, 0, 0, 1e-5};
  SoftmaxHead one(5, 150), many(5, 150);
  CHECK(whole.fit().run(one, options, ignore));
  std::vector<std::unique_ptr<RowSums>> parts;
  for (std::uint32_t first = 0; first < 300; first += 43) {
    std::vector<std::uint32_t> rows;
    for (std::uint32_t row = first; row < std::min(first + 43, 300U); ++row) rows.push_back(row);
    parts.push_back(std::make_unique<RowSums>(execution, 5, data.labeled(), rows, nullptr));
  }
  const AddLoss add = [&](const SoftmaxHead& head, LossSums& to) {
    for (const auto& part : parts) part->add_to(head, to);
  };
  HeadFit fit_to_parts(add, 5, whole.variation());
  CHECK(fit_to_parts.run(many, options, ignore));
  const ReferenceHead first(one), second(many);
  const double largest = first.weights.cwiseAbs().maxCoeff();
  CHECK((first.weights - second.weights).cwiseAbs().maxCoeff() < 1e-4 * largest);
}

TEST_CASE("embeddings that are all the same can be fitted") {
  Data data(StoredType::kFloat32, 10, 5, 3);
  std::fill(data.floats.begin(), data.floats.end(), 2.5F);
  SoftmaxHead head = random_head(3, 5, 0.05F);
  const FitOptions options{0.01, 1e-6};
  CHECK(fit(test_execution(*runnable_kernels().front()), head, data.labeled(), all_rows(10),
            options, ignore));
  CHECK(ReferenceHead(head).weights.allFinite());
}

TEST_CASE("NaN is refused, and an exception leaves the weights of the last whole iteration") {
  Data data(StoredType::kFloat32, kRows, kFeatures, kClasses);
  const FitOptions options{1e-4, 1e-9};
  const Execution execution = test_execution(*runnable_kernels().front());
  const SoftmaxHead start = random_head(kClasses, kFeatures, 0.05F);
  SoftmaxHead stopped = start;
  CHECK_THROWS_WITH(fit(execution, stopped, data.labeled(), all_rows(kRows), options,
                        [](const FitReport& report) {
                          if (report.iteration == 5) throw std::runtime_error("stop");
                        }),
                    "stop");
  SoftmaxHead whole = start;
  fit(execution, whole, data.labeled(), all_rows(kRows), {1e-4, 1e-9, 0, 0, 5});
  CHECK(ReferenceHead(stopped).weights == ReferenceHead(whole).weights);

  data.floats[3 * kFeatures + 1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(fit(execution, whole, data.labeled(), all_rows(kRows), options, ignore),
                  NonFiniteEmbedding);
}

}  // namespace
}  // namespace coral_learn
