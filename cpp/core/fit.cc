#include "core/fit.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "core/lbfgs.h"

namespace coral_learn {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using RowMajorFloat = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// p (1 - p), for the probability p of an answer.
constexpr double kMinCurvature = 1e-6, kMaxCurvature = 0.25;

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
  CenteredLoss(AddLoss add_loss, std::ptrdiff_t classes, std::shared_ptr<const Variation> variation)
      : add_loss_(std::move(add_loss)),
        variation_(std::move(variation)),
        head_(classes, variation_->mean.size()),
        sums_(classes, variation_->mean.size()) {}

  std::ptrdiff_t classes() const { return head_.classes(); }
  std::ptrdiff_t features() const { return head_.features(); }

  // Sets the penalty, and returns the point of a head. Where the last fit ended, the data need not
  // be read again: only the penalty differs.
  Point start(const SoftmaxHead& head, double penalty) {
    const double more = penalty - std::exchange(penalty_, penalty);
    bend_more(more);
    if (std::optional<Point> last = std::exchange(last_, std::nullopt)) {
      write(last->at, head_);
      if (head == head_) {
        const auto weights = last->at.head(weight_count());
        last->gradient.head(weight_count()) += more * weights;
        last->value += 0.5 * more * weights.squaredNorm();
        return *std::move(last);
      }
    }
    Point point{point_of(head), Eigen::VectorXd(weight_count() + head.classes()), 0};
    (*this)(point);
    return point;
  }

  CurvaturePairs& pairs() { return pairs_; }

  void learn_from(CenteredLoss& other) {
    pairs_ = std::exchange(other.pairs_, {});
    curvature_ = other.curvature_;
    penalty_ = other.penalty_;
  }

  // Keeps the point where a fit ended, for the next start.
  void keep(Point point) { last_ = std::move(point); }

  void write(const Eigen::VectorXd& point, SoftmaxHead& head) const {
    for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
      Eigen::Map<Eigen::VectorXf> weights(head.weights.row(c), head.features());
      weights = (weights_of(point, c) / variation_->spread).template cast<float>();
      head.biases[c] =
          static_cast<float>(bias_of(point, c) - weights.cast<double>().dot(variation_->mean));
    }
  }

  // Computes the loss and its gradient at the point of the head that a point is rounded to: the
  // bias of a head may be large compared with what a step changes.
  void operator()(Point& point) {
    write(point.at, head_);
    point.at = point_of(head_);
    sums_.set_zero();
    add_loss_(head_, sums_);
    const double spread = variation_->spread, count = sums_.weight;
    for (std::ptrdiff_t c = 0; c < head_.classes(); ++c) {
      const double bias_gradient = sums_.bias_gradient[c];
      weights_of(point.gradient, c) =
          (sums_.weight_gradient.row(c).transpose() - bias_gradient * variation_->mean) /
              (spread * count) +
          penalty_ * weights_of(point.at, c);
      bias_of(point.gradient, c) = bias_gradient / count;
    }
    point.value = sums_.loss / count + 0.5 * penalty_ * point.at.head(weight_count()).squaredNorm();
  }

  // Returns whether a step would change no weight by more than a part of the largest weight, and no
  // bias by more than that part of the largest number.
  bool is_small(const Eigen::VectorXf& step, const Eigen::VectorXd& point, double part) const {
    const double largest = point.head(weight_count()).lpNorm<Eigen::Infinity>();
    return step.head(weight_count()).lpNorm<Eigen::Infinity>() <= part * largest &&
           step.tail(classes()).lpNorm<Eigen::Infinity>() <= part * point.lpNorm<Eigen::Infinity>();
  }

  // Multiplies by an approximate inverse of the second derivatives. The approximation assumes that
  // the head is equally sure of its answers everywhere, and that outside the principal axes the
  // embeddings vary as much in every direction as along the last axis.
  void precondition(Eigen::VectorXf& vector) const {
    const Eigen::MatrixXf& axes = variation_->axes;
    const auto penalty = static_cast<float>(penalty_);
    const Eigen::ArrayXf along = variation_->variances.array() * curvature_ + penalty;
    const float elsewhere = along[along.size() - 1];
    Eigen::Map<RowMajorFloat> weights(vector.data(), head_.classes(), head_.features());
    const Eigen::MatrixXf inside = weights * axes;
    weights /= elsewhere;
    weights += inside * (along.inverse() - 1 / elsewhere).matrix().asDiagonal() * axes.transpose();
    vector.tail(head_.classes()) /= curvature_;
  }

  // Learns from a step, and the change of the gradient along it, how sure the head is: the second
  // derivatives of a sure head are small.
  void learn(const Eigen::VectorXd& step, const Eigen::VectorXd& change) {
    const Eigen::Map<const RowMajor> weights(step.data(), head_.classes(), head_.features());
    const Eigen::VectorXf& variances = variation_->variances;
    const float elsewhere = variances[variances.size() - 1];
    const Eigen::VectorXf inside =
        (weights.cast<float>() * variation_->axes).colwise().squaredNorm();
    const double squares = weights.squaredNorm();
    const double variance = inside.dot((variances.array() - elsewhere).matrix()) +
                            squares * elsewhere + step.tail(head_.classes()).squaredNorm();
    const double bend = step.dot(change) - penalty_ * squares;
    if (bend > 0 && variance > 0) {
      curvature_ = static_cast<float>(std::clamp(bend / variance, kMinCurvature, kMaxCurvature));
    }
  }

 private:
  std::ptrdiff_t weight_count() const { return head_.classes() * head_.features(); }

  Eigen::VectorXd point_of(const SoftmaxHead& head) const {
    Eigen::VectorXd point(weight_count() + head.classes());
    for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
      const Eigen::VectorXd weights =
          Eigen::Map<const Eigen::VectorXf>(head.weights.row(c), head.features()).cast<double>();
      weights_of(point, c) = weights * variation_->spread;
      bias_of(point, c) = head.biases[c] + weights.dot(variation_->mean);
    }
    return point;
  }

  // Adds what a stronger penalty adds to the known curvature; less than 0 for a weaker one. Where
  // rounding then hides that the loss bends at least as the penalty does, nothing is known.
  void bend_more(double penalty) {
    const auto is_hidden = [&](CurvaturePair& pair) {
      const auto weights = pair.step.head(weight_count());
      const double squares = weights.cast<double>().squaredNorm();
      pair.change.head(weight_count()) += static_cast<float>(penalty) * weights;
      pair.product += penalty * squares;
      return pair.product <= penalty_ * squares;
    };
    pairs_.erase(std::remove_if(pairs_.begin(), pairs_.end(), is_hidden), pairs_.end());
  }

  const AddLoss add_loss_;
  const std::shared_ptr<const Variation> variation_;
  double penalty_ = 0;
  SoftmaxHead head_;  // at the point where the loss was last computed
  float curvature_ = 1 / static_cast<float>(head_.classes());
  CurvaturePairs pairs_;  // of the last fit, for the penalty that is set
  LossSums sums_;
  std::optional<Point> last_;  // where the last fit ended
};

HeadFit::HeadFit(AddLoss add_loss, std::ptrdiff_t classes,
                 std::shared_ptr<const Variation> variation)
    : loss_(std::make_unique<CenteredLoss>(std::move(add_loss), classes, std::move(variation))) {}

HeadFit::~HeadFit() = default;

void HeadFit::learn_from(HeadFit& other) { loss_->learn_from(*other.loss_); }

std::ptrdiff_t HeadFit::classes() const { return loss_->classes(); }
std::ptrdiff_t HeadFit::features() const { return loss_->features(); }

bool HeadFit::run(SoftmaxHead& head, const FitOptions& options,
                  const std::function<void(const FitReport&)>& on_report) {
  const auto objective = [&](Point& point) { (*loss_)(point); };
  double last_value = std::numeric_limits<double>::infinity();
  const auto accept = [&](int iteration, const Point& point) {
    loss_->write(point.at, head);
    on_report({iteration, point.value});
    const double decrease = std::exchange(last_value, point.value) - point.value;
    // The curvature of the loss is at least the penalty, so the loss is at most this far above its
    // minimum.
    const double excess = point.gradient.squaredNorm() / (2 * options.l2_penalty);
    const bool slow = options.min_decrease > 0 && decrease < options.min_decrease;
    return slow || (options.tolerance > 0 && excess <= options.tolerance);
  };
  const auto precondition = [&](Eigen::VectorXf& vector) { loss_->precondition(vector); };
  const auto learn = [&](const Eigen::VectorXd& step, const Eigen::VectorXd& change) {
    loss_->learn(step, change);
  };
  // The step that the approximate curvature suggests is about as long as the way that is left.
  const auto is_close = [&](const Eigen::VectorXd& at, const Eigen::VectorXf& step) {
    return options.weight_error > 0 && loss_->is_small(step, at, options.weight_error);
  };
  Point point = loss_->start(head, options.l2_penalty);
  const bool ended = minimize(objective, point, loss_->pairs(),
                              {precondition, learn, accept, is_close, options.max_iterations});
  loss_->keep(std::move(point));
  return ended;
}

}  // namespace coral_learn
