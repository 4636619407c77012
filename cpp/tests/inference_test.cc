#include "core/inference.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/instruction_set.h"
#include "tests/reference.h"

namespace coral_learn {
namespace {

TEST_CASE("predictions and losses agree with the reference for all instruction sets and types") {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const StoredType type : {StoredType::kFloat32, StoredType::kUint8, StoredType::kInt8}) {
      for (const std::ptrdiff_t classes : {1, 2, 5, 16, 40}) {
        const std::ptrdiff_t rows = 333, features = 45;
        const Data data(type, rows, features, classes);
        const SoftmaxHead head = random_head(classes, features, 1.5F);
        const ReferenceHead reference(head);
        const Eigen::MatrixXd expected = reference.probabilities(data.real());
        CAPTURE(kernels->instruction_set);
        CAPTURE(classes);
        for (const int threads : {1, 3}) {
          const Execution execution = test_execution(*kernels, threads);
          std::vector<float> probabilities(rows * classes);
          predict_probabilities(execution, head, data.view(), probabilities.data());
          std::vector<std::int64_t> predicted(rows);
          predict(execution, head, data.view(), predicted.data());
          double worst = 0, right = 0;
          for (std::ptrdiff_t i = 0; i < rows; ++i) {
            Eigen::Index best = 0;
            expected.row(i).maxCoeff(&best);
            CHECK(predicted[i] == best);
            right += best == data.labeled().labels[i];
            for (std::ptrdiff_t c = 0; c < classes; ++c) {
              worst = std::max(worst, std::abs(probabilities[i * classes + c] - expected(i, c)));
            }
          }
          CHECK(worst < 1e-4);
          const Evaluation evaluation = evaluate(execution, head, data.labeled());
          CHECK(evaluation.accuracy == right / rows);
          CHECK(accuracy(execution, head, data.labeled()) == right / rows);
          CHECK(evaluation.cross_entropy ==
                doctest::Approx(reference.cross_entropy(data.real(), data.labeled().labels))
                    .epsilon(1e-5));
        }
      }
    }
  }
}

TEST_CASE("probabilities are exact to a few units in the last place over the whole range") {
  // Two classes with logits 0 and x: the second has probability exp(x) / (1 + exp(x)).
  std::vector<float> x(6570);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.0137F * static_cast<float>(i) - 90;
  const float weights[] = {0, 1}, biases[] = {0, 0};
  const SoftmaxHead head(2, 1, weights, biases);
  const EmbeddingView view{x.data(), StoredType::kFloat32, static_cast<std::ptrdiff_t>(x.size()),
                           1};
  for (const Kernels* kernels : runnable_kernels()) {
    std::vector<float> probabilities(2 * x.size());
    predict_probabilities(test_execution(*kernels), head, view, probabilities.data());
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double e = std::exp(static_cast<double>(x[i]));
      if (e < std::numeric_limits<float>::min()) {
        CHECK(probabilities[2 * i + 1] == 0);
      } else {
        worst = std::max(worst, std::abs(probabilities[2 * i + 1] / (e / (1 + e)) - 1));
      }
    }
    CHECK(worst < 4e-7);
  }
}

TEST_CASE("the first of equal logits is predicted") {
  const float weights[] = {0, 0, 0}, biases[] = {1, 2, 2}, x[] = {5};
  const SoftmaxHead head(3, 1, weights, biases);
  std::int64_t predicted = -1;
  predict(test_execution(choose_kernels("")), head, {x, StoredType::kFloat32, 1, 1}, &predicted);
  CHECK(predicted == 1);
}

TEST_CASE("a loss is finite for logits 1e4 apart") {
  const float weights[] = {1e4F, -1e4F}, biases[] = {0, 0}, x[] = {1, -1};
  const SoftmaxHead head(2, 1, weights, biases);
  const std::int32_t labels[] = {0, 0};
  const Evaluation evaluation =
      evaluate(test_execution(choose_kernels("")), head, {{x, StoredType::kFloat32, 2, 1}, labels});
  CHECK(evaluation.cross_entropy == 1e4);
  CHECK(evaluation.accuracy == 0.5);
}

TEST_CASE("the row of a feature that is not finite is found, wherever it is") {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const float value : {NAN, INFINITY, -INFINITY}) {
      for (const std::ptrdiff_t feature : {0, 7, 18}) {
        Data data(StoredType::kFloat32, 300, 19, 3);
        const std::ptrdiff_t row = 257;
        data.floats[row * 19 + feature] = value;
        const SoftmaxHead head = random_head(3, 19, 0.1F);
        CHECK_THROWS_WITH_AS(evaluate(test_execution(*kernels, 2), head, data.labeled()),
                             "embeddings must be finite float32 numbers: row 257 holds NaN or "
                             "infinity",
                             NonFiniteEmbedding);
      }
    }
  }
}

TEST_CASE("weights that are not finite are not reported as invalid embeddings") {
  const Data data(StoredType::kFloat32, 10, 4, 2);
  SoftmaxHead head = random_head(2, 4, 0.1F);
  head.weights.row(0)[0] = INFINITY;
  CHECK_NOTHROW(evaluate(test_execution(choose_kernels("")), head, data.labeled()));
}

}  // namespace
}  // namespace coral_learn
