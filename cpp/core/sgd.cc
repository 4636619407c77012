#include "core/sgd.h"

#include <Eigen/Core>
#include <vector>

#include "core/batch_gradient.h"
#include "core/inference.h"
#include "core/random.h"

namespace coral_learn {
namespace {

// The padding, being zero, adds nothing.
double squared_norm(const PaddedMatrix& matrix) {
  return Eigen::Map<const Eigen::VectorXf>(matrix.data(), matrix.size())
      .cast<double>()
      .squaredNorm();
}

}  // namespace

void train_with_sgd(const Engine& engine, SoftmaxHead& head, const LabeledEmbeddings& training,
                    const std::optional<LabeledEmbeddings>& validation, const SgdOptions& options,
                    const std::function<void(const SgdReport&)>& report) {
  const auto report_after = [&](std::int64_t iteration) {
    const Evaluation now = evaluate(engine, head, training);
    const double penalty = 0.5 * options.l2_penalty * squared_norm(head.weights);
    SgdReport news{iteration, now.cross_entropy + penalty, now.accuracy, std::nullopt};
    if (validation) news.validation_accuracy = evaluate(engine, head, *validation).accuracy;
    report(news);
  };
  const float step = -options.learning_rate / static_cast<float>(options.batch_size);
  const float decay = 1 - options.learning_rate * options.l2_penalty;
  const auto descend = [&](const GradientBlock& gradient) {
    for (std::ptrdiff_t c = 0; c < gradient.classes; ++c) {
      engine.kernels.combine(gradient.features, step * training.embeddings.scale,
                             gradient.weights.values + c * gradient.weights.stride, decay,
                             head.weights.row(gradient.first_class + c) + gradient.first_feature);
      if (gradient.biases != nullptr) {
        head.biases.data()[gradient.first_class + c] += step * gradient.biases[c];
      }
    }
  };

  Random random(options.seed);
  std::vector<std::uint32_t> batch(options.batch_size);
  BatchGradient gradient(engine, head, training, options.batch_size);
  report_after(0);
  for (std::int64_t iteration = 1; iteration <= options.iterations; ++iteration) {
    for (std::uint32_t& row : batch) {
      row = random.below(static_cast<std::uint32_t>(training.embeddings.rows));
    }
    gradient.compute(batch, descend);
    const bool due = options.report_interval > 0 && iteration % options.report_interval == 0;
    if (due || iteration == options.iterations) report_after(iteration);
  }
}

}  // namespace coral_learn
