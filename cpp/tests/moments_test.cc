#include "core/moments.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/instruction_set.h"
#include "core/variation.h"
#include "tests/reference.h"

namespace coral_learn {
namespace {

constexpr std::ptrdiff_t kManyRows = 700, kOddFeatures = 37;

TEST_CASE("moments are those of the real embeddings, for all types, with and without weights") {
  std::vector<float> weights(kManyRows);
  for (std::ptrdiff_t row = 0; row < kManyRows; ++row) weights[row] = static_cast<float>(row % 3);
  for (const StoredType type : {StoredType::kFloat32, StoredType::kUint8, StoredType::kInt8}) {
    for (const bool weighted : {false, true}) {
      const Data data(type, kManyRows, kOddFeatures, 3);
      const Moments moments = moments_of(data.view(), weighted ? weights.data() : nullptr);
      const Eigen::MatrixXd real = data.real();
      Eigen::VectorXd each = Eigen::VectorXd::Ones(kManyRows);
      for (std::ptrdiff_t row = 0; weighted && row < kManyRows; ++row) each[row] = weights[row];
      const Eigen::VectorXd total = real.transpose() * each;
      const Eigen::VectorXd squares = real.cwiseAbs2().transpose() * each;
      CHECK(moments.weight == each.sum());
      CHECK((moments.total - total).norm() < 1e-6 * (1 + total.norm()));
      CHECK((moments.squares - squares).norm() < 1e-6 * squares.norm());
      CHECK(moments.lengths == doctest::Approx(real.rowwise().norm().dot(each)).epsilon(1e-6));
      CHECK(moments.zeros == 0);
    }
  }
}

TEST_CASE("rows of length 0 are counted, and NaN is refused") {
  Data data(StoredType::kFloat32, 10, 5, 3);
  std::fill_n(data.floats.begin(), 10, 0.0F);
  CHECK(moments_of(data.view(), nullptr).zeros == 2);
  data.floats[12] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(moments_of(data.view(), nullptr), NonFiniteEmbedding);
}

TEST_CASE("a sketch shows the directions in which rows vary most") {
  Data data(StoredType::kFloat32, kManyRows, kOddFeatures, 3);
  Eigen::VectorXd along = Eigen::VectorXd::Zero(kOddFeatures);
  for (std::ptrdiff_t j = 0; j < kOddFeatures; ++j) along[j] = j % 2 == 0 ? 1 : -0.5;
  along.normalize();
  for (std::ptrdiff_t row = 0; row < kManyRows; ++row) {
    for (std::ptrdiff_t j = 0; j < kOddFeatures; ++j) {
      data.floats[row * kOddFeatures + j] +=
          static_cast<float>(5 + (row % 2 == 0 ? 20 : -20) * along[j]);
    }
  }
  PaddedMatrix signs(6, kOddFeatures);
  Eigen::MatrixXd same_signs(kOddFeatures, 6);
  Random random(1);
  for (std::ptrdiff_t j = 0; j < kOddFeatures; ++j) {
    for (std::ptrdiff_t k = 0; k < 6; ++k) {
      same_signs(j, k) = signs.row(k)[j] = random.below(2) == 0 ? 1 : -1;
    }
  }
  std::vector<std::uint32_t> rows(kManyRows);
  std::iota(rows.begin(), rows.end(), 0);
  for (const Kernels* kernels : runnable_kernels()) {
    const Sketch sketch = sketch_of(test_execution(*kernels, 2), data.view(), rows, signs);
    const Eigen::MatrixXd real = data.real();
    const Eigen::MatrixXd expected = real.transpose() * (real * same_signs);
    CHECK((sketch.products - expected).norm() < 1e-4 * expected.norm());
    const Eigen::VectorXd mean = real.colwise().mean();
    const double spread = std::sqrt((real.rowwise() - mean.transpose()).squaredNorm() / kManyRows);
    const Variation variation = variation_of(mean, spread, sketch, kManyRows, same_signs);
    CHECK(std::abs(variation.axes.col(0).cast<double>().dot(along)) > 0.99);
    const Eigen::MatrixXf products = variation.axes.transpose() * variation.axes;
    CHECK((products - Eigen::MatrixXf::Identity(products.rows(), products.cols())).norm() < 1e-3);
    CHECK(variation.variances[0] == doctest::Approx(400 / (spread * spread)).epsilon(0.05));
  }
}

}  // namespace
}  // namespace coral_learn
