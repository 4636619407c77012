#include "core/fit.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "core/batch_gradient.h"
#include "core/lbfgs.h"

namespace coral_learn {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

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
               std::shared_ptr<const Variation> variation, std::vector<std::uint32_t> rows,
               const FitWeights& weights)
      : rows_(std::move(rows)),
        row_weights_(row_weights(data, weights)),
        scale_(data.embeddings.scale),
        variation_(std::move(variation)),
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

  // Sets the penalty, and returns the point of a head. Where the last fit ended, the data need not
  // be read again: only the penalty differs.
  Point start(const SoftmaxHead& head, double penalty) {
    const double more = penalty - std::exchange(penalty_, penalty);
    if (std::optional<Point> last = std::exchange(last_, std::nullopt)) {
      write(last->at, head_);
      if (head == head_) {
        const auto weights = last->at.head(weight_count());
        last->gradient.head(weight_count()) += static_cast<float>(more) * weights;
        last->value += 0.5 * more * weights.cast<double>().squaredNorm();
        return *std::move(last);
      }
    }
    Point point{point_of(head), Eigen::VectorXf(weight_count() + head.classes()), 0};
    point.value = (*this)(point.at, point.gradient);
    return point;
  }

  // Keeps the point where a fit ended, for the next start.
  void keep(Point point) { last_ = std::move(point); }

  void write(const Eigen::VectorXf& point, SoftmaxHead& head) const {
    for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
      Eigen::Map<Eigen::VectorXf> weights(head.weights.row(c), head.features());
      weights = weights_of(point, c) / static_cast<float>(variation_->spread);
      head.biases[c] =
          static_cast<float>(bias_of(point, c) - weights.cast<double>().dot(variation_->mean));
    }
  }

  // Returns the loss at a point, and its gradient.
  double operator()(const Eigen::VectorXf& point, Eigen::VectorXf& gradient) {
    write(point, head_);
    const double unit = scale_ / (variation_->spread * total_weight_);
    gradient_.compute(rows_, weight_gradient_, static_cast<float>(unit), 0);
    double squares = 0;
    for (std::ptrdiff_t c = 0; c < head_.classes(); ++c) {
      const double bias_gradient = gradient_.biases()[c] / total_weight_;
      weights_of(gradient, c) =
          Eigen::Map<const Eigen::VectorXf>(weight_gradient_.row(c), head_.features()) +
          static_cast<float>(penalty_) * weights_of(point, c) -
          static_cast<float>(bias_gradient / variation_->spread) * variation_->mean.cast<float>();
      bias_of(gradient, c) = static_cast<float>(bias_gradient);
      squares += weights_of(point, c).cast<double>().squaredNorm();
    }
    return gradient_.loss() / total_weight_ + 0.5 * penalty_ * squares;
  }

  // Multiplies by an approximate inverse of the second derivatives. The approximation assumes that
  // every class has the same probability everywhere, and that outside the principal axes the
  // embeddings vary as much in every direction as along the last axis.
  void precondition(Eigen::VectorXf& vector) const {
    const PrincipalAxes& axes = variation_->axes;
    const float curvature = 1 / static_cast<float>(head_.classes());
    const auto penalty = static_cast<float>(penalty_);
    const Eigen::ArrayXf along = axes.variances.array() * curvature + penalty;
    const float elsewhere = along[along.size() - 1];
    Eigen::Map<RowMajor> weights(vector.data(), head_.classes(), head_.features());
    const Eigen::MatrixXf inside = weights * axes.axes;
    weights /= elsewhere;
    weights +=
        inside * (along.inverse() - 1 / elsewhere).matrix().asDiagonal() * axes.axes.transpose();
    vector.tail(head_.classes()) /= curvature;
  }

 private:
  std::ptrdiff_t weight_count() const { return head_.classes() * head_.features(); }

  Eigen::VectorXf point_of(const SoftmaxHead& head) const {
    Eigen::VectorXf point(weight_count() + head.classes());
    for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
      const Eigen::Map<const Eigen::VectorXf> weights(head.weights.row(c), head.features());
      weights_of(point, c) = weights * static_cast<float>(variation_->spread);
      bias_of(point, c) =
          static_cast<float>(head.biases[c] + weights.cast<double>().dot(variation_->mean));
    }
    return point;
  }

  const std::vector<std::uint32_t> rows_;
  const std::vector<float> row_weights_;  // [N]; empty if all are 1
  const double scale_;
  const std::shared_ptr<const Variation> variation_;
  double penalty_ = 0;
  double total_weight_ = 0;
  SoftmaxHead head_;  // at the point where the loss was last computed
  BatchGradient gradient_;
  PaddedMatrix weight_gradient_;
  std::optional<Point> last_;  // where the last fit ended
};

HeadFit::HeadFit(const Execution& execution, std::ptrdiff_t classes, const LabeledEmbeddings& data,
                 std::shared_ptr<const Variation> variation, std::vector<std::uint32_t> rows,
                 const FitWeights& weights)
    : loss_(std::make_unique<CenteredLoss>(execution, classes, data, std::move(variation),
                                           std::move(rows), weights)) {}

HeadFit::~HeadFit() = default;

std::ptrdiff_t HeadFit::classes() const { return loss_->classes(); }
std::ptrdiff_t HeadFit::features() const { return loss_->features(); }

bool HeadFit::run(SoftmaxHead& head, const FitOptions& options,
                  const std::function<void(const FitReport&)>& on_report) {
  const auto objective = [&](const Eigen::VectorXf& at, Eigen::VectorXf& gradient) {
    return (*loss_)(at, gradient);
  };
  double last_value = std::numeric_limits<double>::infinity();
  const auto accept = [&](int iteration, const Point& point) {
    loss_->write(point.at, head);
    on_report({iteration, point.value});
    const double decrease = std::exchange(last_value, point.value) - point.value;
    // The curvature of the loss is at least the penalty, so the loss is at most this far above its
    // minimum.
    const double excess = point.gradient.cast<double>().squaredNorm() / (2 * options.l2_penalty);
    return excess <= options.tolerance || decrease < options.min_decrease;
  };
  const auto precondition = [&](Eigen::VectorXf& vector) { loss_->precondition(vector); };
  Point point = loss_->start(head, options.l2_penalty);
  const bool ended = minimize(objective, point, options.max_iterations, precondition, accept);
  loss_->keep(std::move(point));
  return ended;
}

}  // namespace coral_learn
