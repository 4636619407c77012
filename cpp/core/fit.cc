#include "core/fit.h"

#include <Eigen/Core>
#include <cmath>

#include "core/batch_gradient.h"
#include "core/lbfgs.h"

namespace coral_learn {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Where embeddings lie, in real units.
struct Cloud {
  Eigen::VectorXd mean;
  double spread;  // root mean square distance from the mean; 1 where that is 0
};

template <typename T>
Cloud measure(const EmbeddingView& view, const std::vector<std::uint32_t>& rows) {
  using Row = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>;
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(view.features);
  double squares = 0;
  for (const std::uint32_t row : rows) {
    const Row stored(static_cast<const T*>(view.row(row)), view.features);
    const Eigen::VectorXd values = stored.template cast<double>().array() - view.zero_point;
    const double square = values.squaredNorm();
    if (!std::isfinite(square)) throw NonFiniteEmbedding(row);
    sum += values;
    squares += square;
  }
  const auto count = static_cast<double>(rows.size());
  const Eigen::VectorXd mean = sum / count;
  // Rounding leaves about 1e-15 of the squares where all rows are the same.
  const double variance = squares / count - mean.squaredNorm();
  const bool spread_out = variance > 1e-12 * squares / count;
  return {mean * view.scale, spread_out ? std::sqrt(variance) * view.scale : 1};
}

Cloud measure(const EmbeddingView& view, const std::vector<std::uint32_t>& rows) {
  switch (view.type) {
    case StoredType::kFloat32:
      return measure<float>(view, rows);
    case StoredType::kUint8:
      return measure<std::uint8_t>(view, rows);
    default:
      return measure<std::int8_t>(view, rows);
  }
}

// The loss as a function of one vector: the weights of centered embeddings of spread 1, [C, D],
// and the biases that go with them, [C]. Centering and scaling leave the minimum where it is and
// make the way there short; the embeddings themselves are used as they are stored.
class CenteredLoss {
  template <typename Point>
  auto weights_of(Point& point, std::ptrdiff_t c) const {
    return point.segment(c * head_.features(), head_.features());
  }
  template <typename Point>
  auto& bias_of(Point& point, std::ptrdiff_t c) const {
    return point[head_.classes() * head_.features() + c];
  }

 public:
  CenteredLoss(const Engine& engine, const SoftmaxHead& head, const LabeledEmbeddings& data,
               const std::vector<std::uint32_t>& rows, const FitOptions& options)
      : data_(data),
        rows_(rows),
        penalty_(options.l2_penalty),
        cloud_(measure(data.embeddings, rows)),
        head_(head),
        gradient_(engine, head_, data, static_cast<std::ptrdiff_t>(rows.size()),
                  {options.class_weights, true}),
        bias_gradient_(head.classes()) {
    for (const std::uint32_t row : rows) {
      total_weight_ += options.class_weights ? options.class_weights[data.labels[row]] : 1;
    }
  }

  Eigen::VectorXf point_of(const SoftmaxHead& head) const {
    Eigen::VectorXf point(head.classes() * (head.features() + 1));
    for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
      const Eigen::Map<const Eigen::VectorXf> weights(head.weights.row(c), head.features());
      weights_of(point, c) = weights * static_cast<float>(cloud_.spread);
      bias_of(point, c) =
          static_cast<float>(head.biases.data()[c] + weights.cast<double>().dot(cloud_.mean));
    }
    return point;
  }

  void write(const Eigen::VectorXf& point, SoftmaxHead& head) const {
    for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
      Eigen::Map<Eigen::VectorXf> weights(head.weights.row(c), head.features());
      weights = weights_of(point, c) / static_cast<float>(cloud_.spread);
      head.biases.data()[c] =
          static_cast<float>(bias_of(point, c) - weights.cast<double>().dot(cloud_.mean));
    }
  }

  double operator()(const Eigen::VectorXf& point, Eigen::VectorXf& gradient) {
    write(point, head_);
    const double unit = data_.embeddings.scale / (cloud_.spread * total_weight_);
    gradient_.compute(rows_, [&](const GradientBlock& block) {
      for (std::ptrdiff_t k = 0; k < block.classes; ++k) {
        const std::ptrdiff_t c = block.first_class + k;
        weights_of(gradient, c).segment(block.first_feature, block.features) =
            static_cast<float>(unit) *
            Eigen::Map<const Eigen::VectorXf>(block.weights.values + k * block.weights.stride,
                                              block.features);
        if (block.biases != nullptr) bias_gradient_[c] = block.biases[k] / total_weight_;
      }
    });
    double squares = 0;
    for (std::ptrdiff_t c = 0; c < head_.classes(); ++c) {
      weights_of(gradient, c) +=
          static_cast<float>(penalty_) * weights_of(point, c) -
          static_cast<float>(bias_gradient_[c] / cloud_.spread) * cloud_.mean.cast<float>();
      bias_of(gradient, c) = static_cast<float>(bias_gradient_[c]);
      squares += weights_of(point, c).cast<double>().squaredNorm();
    }
    return gradient_.loss() / total_weight_ + 0.5 * penalty_ * squares;
  }

 private:
  const LabeledEmbeddings data_;
  const std::vector<std::uint32_t>& rows_;
  const double penalty_;
  const Cloud cloud_;
  double total_weight_ = 0;
  SoftmaxHead head_;  // at the point where the loss was last asked for
  BatchGradient gradient_;
  std::vector<double> bias_gradient_;
};

}  // namespace

bool fit(const Engine& engine, SoftmaxHead& head, const LabeledEmbeddings& data,
         const std::vector<std::uint32_t>& rows, const FitOptions& options,
         const std::function<void(const FitReport&)>& report) {
  CenteredLoss loss(engine, head, data, rows, options);
  Eigen::VectorXf point = loss.point_of(head);
  bool converged = false;
  minimize([&](const auto& at, auto& gradient) { return loss(at, gradient); }, point,
           options.max_iterations,
           [&](const Progress& progress, const Eigen::VectorXf& reached) {
             loss.write(reached, head);
             report({progress.iteration, progress.value});
             // A function whose curvature is the penalty at least is no further above its minimum.
             const double excess =
                 progress.gradient_norm * progress.gradient_norm / (2 * options.l2_penalty);
             converged = excess <= options.tolerance;
             return converged;
           });
  return converged;
}

}  // namespace coral_learn
