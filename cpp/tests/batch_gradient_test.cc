#include "core/batch_gradient.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "core/instruction_set.h"
#include "tests/reference.h"

namespace coral_learn {
namespace {

struct Gradient {
  Eigen::MatrixXd weights;
  Eigen::VectorXd biases;
};

// The gradient of the summed cross entropy, in units of the real embeddings.
Gradient compute(const Execution& execution, const SoftmaxHead& head, const LabeledEmbeddings& data,
                 const std::vector<std::uint32_t>& batch) {
  BatchGradient gradient(execution, head, data, static_cast<std::ptrdiff_t>(batch.size()));
  PaddedMatrix weights(head.classes(), head.features());
  std::fill_n(weights.data(), weights.size(), NAN);
  gradient.compute(batch, weights, data.embeddings.scale, 0);
  Gradient result{Eigen::MatrixXd(head.classes(), head.features()),
                  Eigen::VectorXd(head.classes())};
  for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
    for (std::ptrdiff_t j = 0; j < head.features(); ++j) result.weights(c, j) = weights.row(c)[j];
    result.biases(c) = gradient.biases()[c];
  }
  return result;
}

Gradient reference(const SoftmaxHead& head, const Data& data,
                   const std::vector<std::uint32_t>& batch) {
  const Eigen::MatrixXd real = data.real();
  Eigen::MatrixXd rows(batch.size(), head.features());
  for (std::size_t i = 0; i < batch.size(); ++i) rows.row(i) = real.row(batch[i]);
  Eigen::MatrixXd logit_gradients = ReferenceHead(head).probabilities(rows);
  for (std::size_t i = 0; i < batch.size(); ++i)
    logit_gradients(i, data.labeled().labels[batch[i]]) -= 1;
  return {logit_gradients.transpose() * rows, logit_gradients.colwise().sum().transpose()};
}

std::vector<std::uint32_t> random_batch(std::size_t size, std::ptrdiff_t rows) {
  Random random(3);
  std::vector<std::uint32_t> batch(size);
  for (std::uint32_t& row : batch) row = random.below(static_cast<std::uint32_t>(rows));
  return batch;
}

TEST_CASE("the reference gradient agrees with finite differences") {
  const Data data(StoredType::kUint8, 9, 5, 4);
  const SoftmaxHead head = random_head(4, 5, 0.5F);
  std::vector<std::uint32_t> all(9);
  std::iota(all.begin(), all.end(), 0);
  const Gradient gradient = reference(head, data, all);
  const auto loss = [&](const ReferenceHead& moved) {
    return 9 * moved.cross_entropy(data.real(), data.labeled().labels);
  };
  constexpr double kStep = 1e-5;
  for (std::ptrdiff_t c = 0; c < 4; ++c) {
    for (std::ptrdiff_t j = 0; j < 5; ++j) {
      ReferenceHead up(head), down(head);
      up.weights(c, j) += kStep;
      down.weights(c, j) -= kStep;
      CHECK(gradient.weights(c, j) ==
            doctest::Approx((loss(up) - loss(down)) / (2 * kStep)).epsilon(1e-7));
    }
    ReferenceHead up(head), down(head);
    up.biases(c) += kStep;
    down.biases(c) -= kStep;
    CHECK(gradient.biases(c) ==
          doctest::Approx((loss(up) - loss(down)) / (2 * kStep)).epsilon(1e-7));
  }
}

TEST_CASE("the gradient agrees with the reference for all instruction sets, types and shapes") {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const StoredType type : {StoredType::kFloat32, StoredType::kUint8, StoredType::kInt8}) {
      for (const std::ptrdiff_t features : {1, 3, 8, 16, 17, 31, 64, 79, 128, 143}) {
        for (const std::ptrdiff_t classes : {1, 2, 3, 4, 5, 6, 7, 11, 16, 33}) {
          const Data data(type, 13, features, classes);
          const SoftmaxHead head = random_head(classes, features, 0.3F);
          // More than one chunk, the last of them incomplete.
          const std::vector<std::uint32_t> batch = random_batch(301, 13);
          const Gradient got = compute(test_execution(*kernels), head, data.labeled(), batch);
          const Gradient expected = reference(head, data, batch);
          CAPTURE(kernels->instruction_set);
          CAPTURE(features);
          CAPTURE(classes);
          CHECK((got.weights - expected.weights).cwiseAbs().maxCoeff() < 2e-3);
          CHECK((got.biases - expected.biases).cwiseAbs().maxCoeff() < 1e-3);
        }
      }
    }
  }
}

TEST_CASE("the gradient agrees with the reference for any number of rows") {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const std::size_t rows : {1, 2, 7, 15, 16, 17, 100, 112, 113, 128, 225, 500}) {
      for (const std::ptrdiff_t classes : {2, 4, 5, 20}) {
        const Data data(StoredType::kFloat32, 13, 70, classes);
        const SoftmaxHead head = random_head(classes, 70, 0.3F);
        const std::vector<std::uint32_t> batch = random_batch(rows, 13);
        const Gradient got = compute(test_execution(*kernels, 2), head, data.labeled(), batch);
        const Gradient expected = reference(head, data, batch);
        CAPTURE(kernels->instruction_set);
        CAPTURE(rows);
        CAPTURE(classes);
        CHECK((got.weights - expected.weights).cwiseAbs().maxCoeff() < 2e-3);
        CHECK((got.biases - expected.biases).cwiseAbs().maxCoeff() < 1e-3);
      }
    }
  }
}

TEST_CASE("the gradient is the same on any number of threads, bit for bit") {
  for (const Kernels* kernels : runnable_kernels()) {
    // Threads that share classes, and threads that share rows and features.
    for (const std::ptrdiff_t classes : {9, 150}) {
      const Data data(StoredType::kInt8, 200, 1030, classes);
      const SoftmaxHead head = random_head(classes, 1030, 0.1F);
      for (const std::size_t batch_size : {100, 300}) {  // one chunk, and more
        const std::vector<std::uint32_t> batch = random_batch(batch_size, 200);
        const Gradient one = compute(test_execution(*kernels, 1), head, data.labeled(), batch);
        for (const int threads : {2, 3, 7}) {
          const Gradient many =
              compute(test_execution(*kernels, threads), head, data.labeled(), batch);
          CHECK(many.weights == one.weights);
          CHECK(many.biases == one.biases);
        }
      }
    }
  }
}

TEST_CASE("logits 1e4 apart give finite gradients") {
  const float weights[] = {1e4F, -1e4F, 0}, biases[] = {0, 0, 0}, x[] = {1};
  const SoftmaxHead head(3, 1, weights, biases);
  for (const Kernels* kernels : runnable_kernels()) {
    for (const std::int32_t label : {0, 1}) {
      const LabeledEmbeddings data{{x, StoredType::kFloat32, 1, 1}, &label};
      const Gradient gradient = compute(test_execution(*kernels), head, data, {0});
      CHECK(gradient.weights == Eigen::Vector3d(label, -label, 0));
    }
  }
}

TEST_CASE("a gradient can change the weights of its own head, in one chunk or several") {
  for (const Kernels* kernels : runnable_kernels()) {
    for (const std::size_t batch_size : {20, 3000}) {
      const Data data(StoredType::kUint8, 20, 70, 9);
      SoftmaxHead head = random_head(9, 70, 0.1F);
      const SoftmaxHead before = head;
      const std::vector<std::uint32_t> batch = random_batch(batch_size, 20);
      const Gradient expected = reference(head, data, batch);
      BatchGradient gradient(test_execution(*kernels), head, data.labeled(),
                             static_cast<std::ptrdiff_t>(batch_size));
      gradient.compute(batch, head.weights, -0.01F * data.view().scale, 0.5F);
      double worst = 0;
      for (std::ptrdiff_t c = 0; c < 9; ++c) {
        for (std::ptrdiff_t j = 0; j < 70; ++j) {
          const double moved = 0.5 * before.weights.row(c)[j] - 0.01 * expected.weights(c, j);
          worst = std::max(worst, std::abs(head.weights.row(c)[j] - moved));
        }
      }
      CHECK(worst < 1e-4);
    }
  }
}

TEST_CASE("a gradient that poll stops leaves the head as it was") {
  const Data data(StoredType::kFloat32, 20, 32, 3);
  SoftmaxHead head = random_head(3, 32, 0.1F);
  const SoftmaxHead before = head;
  int polls = 0;
  const Execution execution = test_execution(choose_kernels(""), 1, [&] {
    if (++polls == 3) throw std::runtime_error("stop");
  });
  BatchGradient gradient(execution, head, data.labeled(), 5000);
  CHECK_THROWS_WITH(gradient.compute(random_batch(5000, 20), head.weights, 1, 1), "stop");
  CHECK(std::equal(before.weights.data(), before.weights.data() + before.weights.size(),
                   head.weights.data()));
}

}  // namespace
}  // namespace coral_learn
