#include "core/sgd.h"

#include <vector>

#include "core/random.h"

namespace coral_learn {
namespace {

SgdReport assess(std::int64_t iteration, const SoftmaxHead& head, const LabeledEmbeddings& training,
                 const std::optional<LabeledEmbeddings>& validation, float l2_penalty,
                 const Poll& poll) {
  const Evaluation on_training = evaluate(head, training, poll);
  const double penalty = 0.5 * l2_penalty * head.weights.cast<double>().squaredNorm();
  SgdReport report{iteration, on_training.cross_entropy + penalty, on_training.accuracy, {}};
  if (validation) report.validation_accuracy = evaluate(head, *validation, poll).accuracy;
  return report;
}

}  // namespace

void train_with_sgd(SoftmaxHead& head, const LabeledEmbeddings& training,
                    const std::optional<LabeledEmbeddings>& validation, const SgdOptions& options,
                    const std::function<void(const SgdReport&)>& report, const Poll& poll) {
  Random random(options.seed);
  std::vector<std::uint32_t> batch(options.batch_size);
  RowMajorMatrix weight_gradient;
  Eigen::VectorXf bias_gradient;
  const auto report_now = [&](std::int64_t iteration) {
    report(assess(iteration, head, training, validation, options.l2_penalty, poll));
  };

  for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
    if (options.report_interval > 0 ? iteration % options.report_interval == 0 : iteration == 0) {
      report_now(iteration);
    }
    for (std::uint32_t& row : batch) {
      row = random.below(static_cast<std::uint32_t>(training.embeddings.rows));
    }
    loss_and_gradient(head, training, batch, weight_gradient, bias_gradient, poll);
    head.weights -= options.learning_rate * (weight_gradient + options.l2_penalty * head.weights);
    head.biases -= options.learning_rate * bias_gradient;
  }
  report_now(options.iterations);
}

}  // namespace coral_learn
