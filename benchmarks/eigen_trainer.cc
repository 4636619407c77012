// The same training with plain Eigen, as one would write it first: a copy of the rows of the batch,
// and one matrix product each way. The layouts are those with which it is fastest at almost all
// cases. benchmarks/eigen.py compiles this file.

#include <Eigen/Dense>
#include <cstdint>
#include <random>
#include <vector>

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Trains weights [C, D] and biases [C] in place, on embeddings [N, D] and the class of each row.
extern "C" void train(const float* embeddings, const std::int64_t* labels, std::int64_t rows,
                      std::int64_t features, std::int64_t classes, std::int64_t iterations,
                      std::int64_t batch, float learning_rate, float* weights, float* biases) {
  const Eigen::Map<const Rows> x(embeddings, rows, features);
  Eigen::Map<Eigen::MatrixXf> w(weights, features, classes);  // column-major: [C, D] in memory
  Eigen::Map<Eigen::RowVectorXf> b(biases, classes);
  Rows gathered(batch, features);
  Rows scores(batch, classes);
  std::vector<std::int64_t> label(batch);
  std::mt19937_64 generator(0);
  std::uniform_int_distribution<std::int64_t> draw(0, rows - 1);

  for (std::int64_t iteration = 0; iteration < iterations; ++iteration) {
    for (std::int64_t i = 0; i < batch; ++i) {
      const std::int64_t row = draw(generator);
      gathered.row(i) = x.row(row);
      label[i] = labels[row];
    }
    scores.noalias() = gathered * w;
    scores.rowwise() += b;
    for (std::int64_t i = 0; i < batch; ++i) {
      auto row = scores.row(i).array();
      row = (row - row.maxCoeff()).exp();
      row /= row.sum();
      row(label[i]) -= 1;
    }
    scores *= -learning_rate / static_cast<float>(batch);
    w.noalias() += gathered.transpose() * scores;
    b += scores.colwise().sum();
  }
}
