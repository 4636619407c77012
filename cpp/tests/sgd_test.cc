#include "core/sgd.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

#include "core/batch_sampler.h"
#include "core/instruction_set.h"
#include "tests/reference.h"

namespace coral_learn {
namespace {

constexpr std::ptrdiff_t kRows = 40, kFeatures = 21, kClasses = 7;

const SgdOptions kOptions{30, 0.2F, 16, 0.05F, 11, 10};

void ignore(const SgdReport&) {}

bool same(const SoftmaxHead& a, const SoftmaxHead& b) {
  return std::equal(a.weights.data(), a.weights.data() + a.weights.size(), b.weights.data()) &&
         std::equal(a.biases.data(), a.biases.data() + a.biases.size(), b.biases.data());
}

// Plain stochastic gradient descent on the same batches.
ReferenceHead train_reference(const SoftmaxHead& start, const Data& data,
                              const SgdOptions& options) {
  ReferenceHead head(start);
  const Eigen::MatrixXd real = data.real();
  BatchSampler sampler(static_cast<std::uint32_t>(real.rows()), options.with_replacement,
                       options.seed);
  Eigen::MatrixXd velocity = Eigen::MatrixXd::Zero(head.weights.rows(), head.weights.cols());
  Eigen::VectorXd bias_velocity = Eigen::VectorXd::Zero(head.biases.size());
  for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
    Eigen::MatrixXd rows(options.batch_size, real.cols());
    std::vector<std::int32_t> labels(options.batch_size);
    for (std::ptrdiff_t i = 0; i < options.batch_size; ++i) {
      const std::uint32_t row = sampler.draw();
      rows.row(i) = real.row(row);
      labels[i] = data.labeled().labels[row];
    }
    Eigen::MatrixXd logit_gradients = head.probabilities(rows);
    for (std::ptrdiff_t i = 0; i < options.batch_size; ++i) logit_gradients(i, labels[i]) -= 1;
    logit_gradients /= static_cast<double>(options.batch_size);
    velocity = options.momentum * velocity + logit_gradients.transpose() * rows +
               options.l2_penalty * head.weights;
    bias_velocity = options.momentum * bias_velocity + logit_gradients.colwise().sum().transpose();
    const double rate =
        options.learning_rate / (1 + options.learning_rate_decay * static_cast<double>(iteration));
    head.weights -= rate * velocity;
    head.biases -= rate * bias_velocity;
  }
  return head;
}

TEST_CASE("training agrees with the reference for all instruction sets and types") {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const StoredType type : {StoredType::kFloat32, StoredType::kUint8, StoredType::kInt8}) {
      const Data data(type, kRows, kFeatures, kClasses);
      const SoftmaxHead start = random_head(kClasses, kFeatures, 0.05F);
      SoftmaxHead head = start;
      train_with_sgd(test_execution(*kernels), head, data.labeled(), std::nullopt, kOptions,
                     ignore);
      const ReferenceHead expected = train_reference(start, data, kOptions);
      const ReferenceHead got(head);
      CHECK((got.weights - expected.weights).cwiseAbs().maxCoeff() < 1e-5);
      CHECK((got.biases - expected.biases).cwiseAbs().maxCoeff() < 1e-5);
    }
  }
}

TEST_CASE("momentum, decay of the learning rate and epochs agree with the reference") {
  const Data data(StoredType::kUint8, kRows, kFeatures, kClasses);
  const SoftmaxHead start = random_head(kClasses, kFeatures, 0.05F);
  SgdOptions momentum = kOptions, decay = kOptions, epochs = kOptions, all = kOptions;
  momentum.momentum = all.momentum = 0.8F;
  decay.learning_rate_decay = all.learning_rate_decay = 0.3F;
  epochs.with_replacement = all.with_replacement = false;
  for (const SgdOptions& options : {momentum, decay, epochs, all}) {
    SoftmaxHead head = start;
    train_with_sgd(test_execution(choose_kernels("")), head, data.labeled(), std::nullopt, options,
                   ignore);
    const ReferenceHead expected = train_reference(start, data, options);
    const ReferenceHead got(head);
    CHECK((got.weights - expected.weights).cwiseAbs().maxCoeff() < 2e-5);
    CHECK((got.biases - expected.biases).cwiseAbs().maxCoeff() < 2e-5);
  }
}

TEST_CASE("patience ends training, with the weights of the lowest validation loss") {
  // Random labels: training soon overfits, so the validation loss rises.
  const Data data(StoredType::kFloat32, 10, kFeatures, kClasses);
  const Data validation(StoredType::kFloat32, 30, kFeatures, kClasses, 5);
  const SoftmaxHead start = random_head(kClasses, kFeatures, 1);
  SgdOptions options{1000, 0.2F, 16, 0, 11, 5};
  options.patience = 3;
  SoftmaxHead head = start;
  std::vector<SgdReport> reports;
  train_with_sgd(test_execution(choose_kernels("")), head, data.labeled(), validation.labeled(),
                 options, [&](const SgdReport& report) { reports.push_back(report); });
  const auto lower = [](const SgdReport& a, const SgdReport& b) {
    return a.validation->cross_entropy < b.validation->cross_entropy;
  };
  const auto best = std::min_element(reports.begin(), reports.end(), lower);
  CHECK(reports.end() - best == 4);
  REQUIRE(best->iteration > 0);
  REQUIRE(reports.back().iteration < 1000);
  SoftmaxHead until_best = start;
  options.patience = 0;
  options.iterations = best->iteration;
  train_with_sgd(test_execution(choose_kernels("")), until_best, data.labeled(), std::nullopt,
                 options, ignore);
  CHECK(same(head, until_best));
}

TEST_CASE("the same seed gives the same weights, bit for bit, on any number of threads") {
  const Data data(StoredType::kUint8, kRows, 1500, 200);
  const SoftmaxHead start = random_head(200, 1500, 0.05F);
  SgdOptions options = kOptions;
  options.batch_size = 90;
  SoftmaxHead first = start;
  train_with_sgd(test_execution(choose_kernels("")), first, data.labeled(), std::nullopt, options,
                 ignore);
  for (const int threads : {1, 2, 5}) {
    SoftmaxHead again = start;
    train_with_sgd(test_execution(choose_kernels(""), threads), again, data.labeled(), std::nullopt,
                   options, ignore);
    CHECK(same(again, first));
  }
  SoftmaxHead other = start;
  options.seed += 1;
  train_with_sgd(test_execution(choose_kernels("")), other, data.labeled(), std::nullopt, options,
                 ignore);
  CHECK_FALSE(same(other, first));
}

TEST_CASE("reports hold the loss including the penalty, and the accuracies") {
  const Data data(StoredType::kFloat32, kRows, kFeatures, kClasses);
  const Data validation(StoredType::kInt8, 9, kFeatures, kClasses, 5);
  SoftmaxHead head = random_head(kClasses, kFeatures, 0.05F);
  std::vector<std::int64_t> iterations;
  train_with_sgd(
      test_execution(choose_kernels("")), head, data.labeled(), validation.labeled(),
      {25, 0.2F, 16, 0.05F, 11, 10}, [&](const SgdReport& report) {
        iterations.push_back(report.iteration);
        const ReferenceHead now(head);
        CHECK(report.loss == doctest::Approx(now.cross_entropy(data.real(), data.labeled().labels) +
                                             0.025 * now.weights.squaredNorm()));
        REQUIRE(report.validation.has_value());
        CHECK(report.validation->cross_entropy ==
              doctest::Approx(now.cross_entropy(validation.real(), validation.labeled().labels)));
      });
  CHECK(iterations == std::vector<std::int64_t>{0, 10, 20, 25});
}

TEST_CASE("a report or poll that throws leaves the weights of the last whole iteration") {
  const Data data(StoredType::kFloat32, kRows, kFeatures, kClasses);
  const SoftmaxHead start = random_head(kClasses, kFeatures, 0.05F);
  SgdOptions options = kOptions;
  SoftmaxHead reported = start;
  CHECK_THROWS_WITH(train_with_sgd(test_execution(choose_kernels("")), reported, data.labeled(),
                                   std::nullopt, options,
                                   [](const SgdReport& report) {
                                     if (report.iteration == 20) throw std::runtime_error("enough");
                                   }),
                    "enough");
  options.iterations = 20;
  SoftmaxHead expected = start;
  train_with_sgd(test_execution(choose_kernels("")), expected, data.labeled(), std::nullopt,
                 options, ignore);
  CHECK(same(reported, expected));

  // Stopped at some poll within an iteration, it has the weights of a whole number of iterations.
  options.report_interval = 0;
  for (int last_poll = 5; last_poll < 20; ++last_poll) {
    int polls = 0;
    SoftmaxHead polled = start;
    CHECK_THROWS_WITH(train_with_sgd(test_execution(choose_kernels(""), 1,
                                                    [&] {
                                                      if (++polls == last_poll)
                                                        throw std::runtime_error("stop");
                                                    }),
                                     polled, data.labeled(), std::nullopt, options, ignore),
                      "stop");
    bool whole = false;
    for (std::int64_t iterations = 0; iterations <= 20 && !whole; ++iterations) {
      SoftmaxHead candidate = start;
      SgdOptions fewer = options;
      fewer.iterations = iterations;
      train_with_sgd(test_execution(choose_kernels("")), candidate, data.labeled(), std::nullopt,
                     fewer, ignore);
      whole = same(candidate, polled);
    }
    CHECK(whole);
  }
}

}  // namespace
}  // namespace coral_learn
