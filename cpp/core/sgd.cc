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
  Descent(const Execution& execution, SoftmaxHead& head, const LabeledEmbeddings& data,
          const SgdOptions& options)
      : kernels_(execution.kernels),
        head_(head),
        options_(options),
        gradient_(execution, head, data, options.batch_size),
        per_row_(1 / static_cast<float>(options.batch_size)),
        unit_(per_row_ * data.embeddings.scale) {
    if (options.momentum == 0) return;
    velocity_.emplace(head.classes(), head.features());
    bias_velocity_.resize(head.classes());
  }

  void step(std::int64_t iteration, const std::vector<std::uint32_t>& batch) {
    const float rate =
        options_.learning_rate / (1 + options_.learning_rate_decay * static_cast<float>(iteration));
    if (velocity_) {
      step_with_momentum(rate, batch, *velocity_);
    } else {
      gradient_.compute(batch, head_.weights, -rate * unit_, 1 - rate * options_.l2_penalty);
    }
    for (std::ptrdiff_t c = 0; c < head_.classes(); ++c) {
      float gradient = per_row_ * gradient_.biases()[c];
      if (velocity_) {
        gradient = bias_velocity_[c] = options_.momentum * bias_velocity_[c] + gradient;
      }
      head_.biases[c] -= rate * gradient;
    }
  }

 private:
  void step_with_momentum(float rate, const std::vector<std::uint32_t>& batch,
                          PaddedMatrix& velocity) {
    float* weights = head_.weights.data();
    gradient_.compute(batch, velocity, unit_, options_.momentum);
    kernels_.combine(velocity.size(), options_.l2_penalty, weights, 1, velocity.data());
    kernels_.combine(velocity.size(), -rate, velocity.data(), 1, weights);
  }

  const Kernels& kernels_;
  SoftmaxHead& head_;
  const SgdOptions options_;
  BatchGradient gradient_;
  const float per_row_;
  const float unit_;                      // per row, of the embeddings as they are stored
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
  Descent descent(execution, head, training, options);
  bool stop = report_after(0);
  for (std::int64_t iteration = 0; iteration < options.iterations && !stop; ++iteration) {
    for (std::uint32_t& row : batch) row = sampler.draw();
    descent.step(iteration, batch);
    const std::int64_t done = iteration + 1;
    const bool due = options.report_interval > 0 && done % options.report_interval == 0;
    if (due || done == options.iterations) stop = report_after(done);
  }
  stopping.restore(head);
}

}  // namespace coral_learn
