#include "core/fit.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "core/batch_gradient.h"
#include "core/lbfgs.h"
#include "core/principal_axes.h"

namespace coral_learn {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The first two moments of embeddings, in real units.
struct Moments {
  Eigen::VectorXd mean;
  double spread;  // root mean square distance from the mean; 1 if that is 0
};

// Returns the stored values of a row minus the zero point.
Eigen::VectorXf centered_row(const EmbeddingView& view, std::ptrdiff_t row) {
  const auto read = [&](auto value) -> Eigen::VectorXf {
    using Stored = Eigen::Matrix<decltype(value), Eigen::Dynamic, 1>;
    const auto* values = static_cast<const decltype(value)*>(view.row(row));
    return Eigen::Map<const Stored>(values, view.features).template cast<float>().array() -
           view.zero_point;
  };
  switch (view.type) {
    case StoredType::kFloat32:  // NOLINT(bugprone-branch-clone): the types differ
      return read(float());
    case StoredType::kUint8:
      return read(std::uint8_t());
    default:
      return read(std::int8_t());
  }
}

// weights: [N], how much each row of the view counts; empty for 1.
Moments compute_moments(const EmbeddingView& view, const std::vector<std::uint32_t>& rows,
                        const std::vector<float>& weights) {
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(view.features);
  double squares = 0, count = 0;
  for (const std::uint32_t row : rows) {
    const Eigen::VectorXd values = centered_row(view, row).cast<double>();
    const double square = values.squaredNorm();
    if (!std::isfinite(square)) throw NonFiniteEmbedding(row);
    const double weight = weights.empty() ? 1 : weights[row];
    sum += weight * values;
    squares += weight * square;
    count += weight;
  }
  const Eigen::VectorXd mean = sum / count;
  // If all rows are the same, rounding leaves about 1e-15 of the squares.
  const double variance = squares / count - mean.squaredNorm();
  const bool spread_out = variance > 1e-12 * squares / count;
  return {mean * view.scale, spread_out ? std::sqrt(variance) * view.scale : 1};
}

// Returns some of the rows as columns, [D, N], shifted and scaled to mean 0 and spread 1.
Eigen::MatrixXf sample(const EmbeddingView& view, const std::vector<std::uint32_t>& rows,
                       const Moments& moments) {
  constexpr std::size_t kMaxPoints = 1024;
  const std::size_t count = std::min(rows.size(), kMaxPoints);
  Eigen::MatrixXf points(view.features, count);
  const auto unit = static_cast<float>(view.scale / moments.spread);
  const Eigen::VectorXf mean = (moments.mean / moments.spread).cast<float>();
  for (std::size_t i = 0; i < count; ++i) {
    points.col(i) = unit * centered_row(view, rows[i * rows.size() / count]) - mean;
  }
  return points;
}

// Returns the weight of each row of the data, [N]; empty if all are 1.
std::vector<float> row_weights(const LabeledEmbeddings& data, const FitWeights& weights) {
  if (weights.of_classes.empty()) return weights.of_rows;
  std::vector<float> combined(data.embeddings.rows);
  for (std::size_t row = 0; row < combined.size(); ++row) {
    combined[row] =
        weights.of_classes[data.labels[row]] * (weights.of_rows.empty() ? 1 : weights.of_rows[row]);
  }
  return combined;
}

}  // namespace

// The loss as a function of one vector: the weights for embeddings of mean 0 and spread 1, [C, D],
// followed by the biases that go with them, [C]. Centering and scaling do not move the minimum, but
// shorten the way to it. The embeddings themselves are read as they are stored.
class HeadFit::CenteredLoss {
  template <typename Point>
  auto weights_of(Point& point, std::ptrdiff_t c) const {
    return point.segment(c * head_.features(), head_.features());
  }
  template <typename Point>
  auto& bias_of(Point& point, std::ptrdiff_t c) const {
    return point[head_.classes() * head_.features() + c];
  }

 public:
  CenteredLoss(const Execution& execution, std::ptrdiff_t classes, const LabeledEmbeddings& data,
               std::vector<std::uint32_t> rows, const FitWeights& weights)
      : rows_(std::move(rows)),
        row_weights_(row_weights(data, weights)),
        scale_(data.embeddings.scale),
        moments_(compute_moments(data.embeddings, rows_, weights.of_rows)),
        axes_(principal_axes(sample(data.embeddings, rows_, moments_), kAxes)),
        head_(classes, data.embeddings.features),
        gradient_(execution, head_, data, static_cast<std::ptrdiff_t>(rows_.size()),
                  {row_weights_.empty() ? nullptr : row_weights_.data(), true}),
        weight_gradient_(classes, data.embeddings.features) {
    for (const std::uint32_t row : rows_) {
      total_weight_ += row_weights_.empty() ? 1 : row_weights_[row];
    }
  }

  std::ptrdiff_t classes() const { return head_.classes(); }
  std::ptrdiff_t features() const { return head_.features(); }

  void set_penalty(double penalty) { penalty_ = penalty; }

  Eigen::VectorXf point_of(const SoftmaxHead& head) const {
    Eigen::VectorXf point(head.classes() * (head.features() + 1));
    for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
      const Eigen::Map<const Eigen::VectorXf> weights(head.weights.row(c), head.features());
      weights_of(point, c) = weights * static_cast<float>(moments_.spread);
      bias_of(point, c) =
          static_cast<float>(head.biases[c] + weights.cast<double>().dot(moments_.mean));
    }
    return point;
  }

  void write(const Eigen::VectorXf& point, SoftmaxHead& head) const {
    for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
      Eigen::Map<Eigen::VectorXf> weights(head.weights.row(c), head.features());
      weights = weights_of(point, c) / static_cast<float>(moments_.spread);
      head.biases[c] =
          static_cast<float>(bias_of(point, c) - weights.cast<double>().dot(moments_.mean));
    }
  }

  double operator()(const Eigen::VectorXf& point, Eigen::VectorXf& gradient) {
    write(point, head_);
    const double unit = scale_ / (moments_.spread * total_weight_);
    gradient_.compute(rows_, weight_gradient_, static_cast<float>(unit), 0);
    double squares = 0;
    for (std::ptrdiff_t c = 0; c < head_.classes(); ++c) {
      const double bias_gradient = gradient_.biases()[c] / total_weight_;
      weights_of(gradient, c) =
          Eigen::Map<const Eigen::VectorXf>(weight_gradient_.row(c), head_.features()) +
          static_cast<float>(penalty_) * weights_of(point, c) -
          static_cast<float>(bias_gradient / moments_.spread) * moments_.mean.cast<float>();
      bias_of(gradient, c) = static_cast<float>(bias_gradient);
      squares += weights_of(point, c).cast<double>().squaredNorm();
    }
    return gradient_.loss() / total_weight_ + 0.5 * penalty_ * squares;
  }

  // Multiplies by an approximate inverse of the second derivatives. The approximation assumes that
  // every class has the same probability everywhere, and that outside the principal axes the
  // embeddings vary as much in every direction as along the last axis.
  void precondition(Eigen::VectorXf& vector) const {
    const float curvature = 1 / static_cast<float>(head_.classes());
    const auto penalty = static_cast<float>(penalty_);
    const Eigen::ArrayXf along = axes_.variances.array() * curvature + penalty;
    const float elsewhere = along[along.size() - 1];
    Eigen::Map<RowMajor> weights(vector.data(), head_.classes(), head_.features());
    const Eigen::MatrixXf inside = weights * axes_.axes;
    weights /= elsewhere;
    weights +=
        inside * (along.inverse() - 1 / elsewhere).matrix().asDiagonal() * axes_.axes.transpose();
    vector.tail(head_.classes()) /= curvature;
  }

 private:
  static constexpr Eigen::Index kAxes = 16;

  const std::vector<std::uint32_t> rows_;
  const std::vector<float> row_weights_;  // [N]; empty if all are 1
  const double scale_;
  const Moments moments_;
  const PrincipalAxes axes_;
  double penalty_ = 0;
  double total_weight_ = 0;
  SoftmaxHead head_;  // at the point where the loss was last computed
  BatchGradient gradient_;
  PaddedMatrix weight_gradient_;
};

HeadFit::HeadFit(const Execution& execution, std::ptrdiff_t classes, const LabeledEmbeddings& data,
                 std::vector<std::uint32_t> rows, const FitWeights& weights)
    : loss_(std::make_unique<CenteredLoss>(execution, classes, data, std::move(rows), weights)) {}

HeadFit::~HeadFit() = default;

std::ptrdiff_t HeadFit::classes() const { return loss_->classes(); }
std::ptrdiff_t HeadFit::features() const { return loss_->features(); }

bool HeadFit::run(SoftmaxHead& head, const FitOptions& options,
                  const std::function<void(const FitReport&)>& on_report) {
  loss_->set_penalty(options.l2_penalty);
  const auto objective = [&](const Eigen::VectorXf& point, Eigen::VectorXf& gradient) {
    return (*loss_)(point, gradient);
  };
  const auto accept = [&](const Progress& progress, const Eigen::VectorXf& point) {
    loss_->write(point, head);
    on_report({progress.iteration, progress.value});
    // The curvature of the loss is at least the penalty, so the loss is at most this far above its
    // minimum.
    const double excess =
        progress.gradient_norm * progress.gradient_norm / (2 * options.l2_penalty);
    return excess <= options.tolerance;
  };
  const auto precondition = [&](Eigen::VectorXf& vector) { loss_->precondition(vector); };
  Eigen::VectorXf point = loss_->point_of(head);
  return minimize(objective, point, options.max_iterations, precondition, accept);
}

}  // namespace coral_learn
