#include "core/sgd.h"

#include <Eigen/Core>
#include <memory>
#include <utility>
#include <vector>

#include "core/batch_gradient.h"
#include "core/batch_sampler.h"

namespace coral_learn {
namespace {

// The padding is zero, so it adds nothing.
double squared_norm(const PaddedMatrix& matrix) {
  return Eigen::Map<const Eigen::VectorXf>(matrix.data(), matrix.size())
      .cast<double>()
      .squaredNorm();
}

// Moves a head down the gradients of batches.
class Descent {
 public:
  Descent(const Kernels& kernels, SoftmaxHead& head, const SgdOptions& options, float scale)
      : kernels_(kernels),
        head_(head),
        options_(options),
        per_row_(1 / static_cast<float>(options.batch_size)),
        scale_(scale) {
    if (options.momentum == 0) return;
    velocity_.emplace(head.classes(), head.features());
    bias_velocity_.resize(head.classes());
  }

  void set_iteration(std::int64_t iteration) {
    rate_ =
        options_.learning_rate / (1 + options_.learning_rate_decay * static_cast<float>(iteration));
  }

  void step(const GradientBlock& gradient) {
    for (std::ptrdiff_t i = 0; i < gradient.classes; ++i) {
      const std::ptrdiff_t c = gradient.first_class + i;
      step_weights(gradient.features, gradient.weights.values + i * gradient.weights.stride, c,
                   gradient.first_feature);
      if (gradient.biases != nullptr) step_bias(per_row_ * gradient.biases[i], c);
    }
  }

 private:
  void step_weights(std::ptrdiff_t size, const float* gradient, std::ptrdiff_t c,
                    std::ptrdiff_t first_feature) {
    const float unit = per_row_ * scale_;
    float* weights = head_.weights.row(c) + first_feature;
    if (!velocity_) {
      const float decay = 1 - rate_ * options_.l2_penalty;
      kernels_.combine(size, -rate_ * unit, gradient, decay, weights);
      return;
    }
    float* velocity = velocity_->row(c) + first_feature;
    kernels_.combine(size, unit, gradient, options_.momentum, velocity);
    kernels_.combine(size, options_.l2_penalty, weights, 1, velocity);
    kernels_.combine(size, -rate_, velocity, 1, weights);
  }

  void step_bias(float gradient, std::ptrdiff_t c) {
    if (velocity_) gradient = bias_velocity_[c] = options_.momentum * bias_velocity_[c] + gradient;
    head_.biases.data()[c] -= rate_ * gradient;
  }

  const Kernels& kernels_;
  SoftmaxHead& head_;
  const SgdOptions options_;
  const float per_row_;
  const float scale_;
  float rate_ = 0;
  std::optional<PaddedMatrix> velocity_;  // of the weights, if there is momentum
  std::vector<float> bias_velocity_;
};

// Keeps the head with the lowest validation loss so far, and decides when to stop training.
class EarlyStopping {
 public:
  explicit EarlyStopping(std::int64_t patience) : patience_(patience) {}

  // Returns whether to stop after this validation loss.
  bool should_stop(double loss, const SoftmaxHead& head) {
    if (patience_ == 0) return false;
    if (!best_ || loss < lowest_loss_) {
      lowest_loss_ = loss;
      best_ = std::make_unique<SoftmaxHead>(head);
      reports_since_ = 0;
      return false;
    }
    return ++reports_since_ == patience_;
  }

  void restore(SoftmaxHead& head) {
    if (best_) head = std::move(*best_);
  }

 private:
  const std::int64_t patience_;
  double lowest_loss_ = 0;
  std::int64_t reports_since_ = 0;
  std::unique_ptr<SoftmaxHead> best_;
};

}  // namespace

void train_with_sgd(const Execution& execution, SoftmaxHead& head,
                    const LabeledEmbeddings& training,
                    const std::optional<LabeledEmbeddings>& validation, const SgdOptions& options,
                    const std::function<void(const SgdReport&)>& on_report) {
  EarlyStopping stopping(validation ? options.patience : 0);
  const auto report_after = [&](std::int64_t iteration) {
    const Evaluation current = evaluate(execution, head, training);
    const double penalty = 0.5 * options.l2_penalty * squared_norm(head.weights);
    SgdReport report{iteration, current.cross_entropy + penalty, current.accuracy, std::nullopt};
    if (validation) report.validation = evaluate(execution, head, *validation);
    on_report(report);
    return validation && stopping.should_stop(report.validation->cross_entropy, head);
  };

  BatchSampler sampler(static_cast<std::uint32_t>(training.embeddings.rows),
                       options.with_replacement, options.seed);
  std::vector<std::uint32_t> batch(options.batch_size);
  BatchGradient gradient(execution, head, training, options.batch_size);
  Descent descent(execution.kernels, head, options, training.embeddings.scale);
  const UseGradient step = [&](const GradientBlock& block) { descent.step(block); };
  bool stop = report_after(0);
  for (std::int64_t iteration = 0; iteration < options.iterations && !stop; ++iteration) {
    for (std::uint32_t& row : batch) row = sampler.draw();
    descent.set_iteration(iteration);
    gradient.compute(batch, step);
    const std::int64_t done = iteration + 1;
    const bool due = options.report_interval > 0 && done % options.report_interval == 0;
    if (due || done == options.iterations) stop = report_after(done);
  }
  stopping.restore(head);
}

}  // namespace coral_learn
