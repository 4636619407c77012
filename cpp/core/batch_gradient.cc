#include "core/batch_gradient.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace coral_learn {
namespace {

// The number of multiplications that makes another thread worthwhile: about 20 microseconds.
constexpr std::ptrdiff_t kProductsPerThread = 500'000;

Execution with_useful_threads(const Execution& execution, std::ptrdiff_t products) {
  const std::ptrdiff_t useful = std::max<std::ptrdiff_t>(1, products / kProductsPerThread);
  return {execution.kernels, execution.pool,
          static_cast<int>(std::min<std::ptrdiff_t>(execution.threads, useful)), execution.poll};
}

// Returns the cross entropy of a row by the probability of its label and that of all other classes.
float cross_entropy(float of_label, float of_others) {
  if (of_others < 0.5F) return -std::log1p(-of_others);
  return -std::log(std::max(of_label, std::numeric_limits<float>::min()));
}

// Returns how many rows of a batch to process at a time. A small head takes more of them, so that
// several threads are kept busy.
std::ptrdiff_t gradient_rows(std::ptrdiff_t batch_size, const SoftmaxHead& head) {
  constexpr std::ptrdiff_t kMaxRows = 1024, kProducts = 4 * kProductsPerThread;
  const std::ptrdiff_t rows = std::min(kMaxRows, kProducts / (head.classes() * head.features()));
  return std::min(batch_size, std::max(chunk_rows(head.classes(), head.features()), rows));
}

}  // namespace

BatchGradient::BatchGradient(const Execution& execution, const SoftmaxHead& head,
                             const LabeledEmbeddings& data, std::ptrdiff_t batch_size,
                             const BatchGradientOptions& options)
    : chunk_size_(gradient_rows(batch_size, head)),
      execution_(with_useful_threads(execution, chunk_size_ * head.classes() * head.features())),
      head_(head),
      data_(data),
      options_(options),
      rows_(chunk_size_),
      labels_(chunk_size_),
      weights_(options.row_weights == nullptr ? 0 : chunk_size_),
      logit_gradients_(head.classes(), chunk_size_),
      maxima_(1, chunk_size_),
      sums_(1, chunk_size_),
      losses_(options.with_loss ? chunk_size_ : 0),
      sum_(batch_size > chunk_size_ ? head.classes() : 0, head.features()),
      bias_gradient_(head.classes()) {}

void BatchGradient::compute(const std::vector<std::uint32_t>& batch, PaddedMatrix& matrix,
                            float factor, float keep) {
  const auto size = static_cast<std::ptrdiff_t>(batch.size());
  // All chunks need the weights as they were before the batch.
  const bool apart = size > chunk_size_ && &matrix == &head_.weights;
  loss_ = 0;
  std::fill(bias_gradient_.begin(), bias_gradient_.end(), 0.0F);
  for (std::ptrdiff_t first = 0; first < size; first += chunk_size_) {
    gather(batch.data() + first, std::min(chunk_size_, size - first));
    compute_logit_gradients();
    // Added in order, so that the sum does not depend on the number of threads.
    if (options_.with_loss) {
      loss_ = std::accumulate(losses_.begin(), losses_.begin() + rows_.size(), loss_);
    }
    add_bias_gradient();
    if (apart) {
      update({sum_.from_row(0), 1, first == 0 ? 0.0F : 1.0F});
    } else {
      update({matrix.from_row(0), factor, first == 0 ? keep : 1});
    }
  }
  if (apart) execution_.kernels.combine(sum_.size(), factor, sum_.data(), keep, matrix.data());
}

void BatchGradient::gather(const std::uint32_t* batch, std::ptrdiff_t count) {
  rows_.resize(count);
  labels_.resize(count);
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    rows_[i] = data_.embeddings.row(batch[i]);
    labels_[i] = data_.labels[batch[i]];
  }
  if (options_.row_weights == nullptr) return;
  weights_.resize(count);
  for (std::ptrdiff_t i = 0; i < count; ++i) weights_[i] = options_.row_weights[batch[i]];
}

void BatchGradient::compute_logit_gradients() {
  const auto rows = static_cast<std::ptrdiff_t>(rows_.size());
  // Each part of the rows starts at a cache line.
  const std::ptrdiff_t units = (rows + kPadding - 1) / kPadding;
  const std::ptrdiff_t parts = std::min<std::ptrdiff_t>(execution_.threads, units);
  execution_.for_each(parts, [&](std::ptrdiff_t part, int) {
    compute_logit_gradients(part * units / parts * kPadding,
                            std::min((part + 1) * units / parts * kPadding, rows));
  });
}

void BatchGradient::compute_logit_gradients(std::ptrdiff_t first_row, std::ptrdiff_t last_row) {
  const std::ptrdiff_t classes = head_.classes();
  const MatrixBlock<float> products{logit_gradients_.data() + first_row, logit_gradients_.stride()};
  execution_.kernels.multiply[stored_type()](stored_rows(first_row, last_row), classes,
                                             head_.weights.from_row(0), products);
  execution_.kernels.softmax(last_row - first_row, classes, data_.embeddings.scale,
                             head_.biases.data(), products, maxima_.data() + first_row,
                             sums_.data() + first_row);
  // The gradient of the label's logit is minus the sum of the other probabilities. In float32, one
  // minus its probability would be far less exact for an answer that is almost sure.
  float* const others = maxima_.data();  // no longer needed
  std::fill(others + first_row, others + last_row, 0.0F);
  for (std::ptrdiff_t i = first_row; i < last_row; ++i) {
    float& probability = logit_gradients_.row(labels_[i])[i];
    if (options_.with_loss) losses_[i] = probability;
    probability = 0;
  }
  for (std::ptrdiff_t c = 0; c < classes; ++c) {
    const float* const probabilities = logit_gradients_.row(c);
    for (std::ptrdiff_t i = first_row; i < last_row; ++i) others[i] += probabilities[i];
  }
  for (std::ptrdiff_t i = first_row; i < last_row; ++i) {
    logit_gradients_.row(labels_[i])[i] = -others[i];
    if (options_.with_loss) {
      losses_[i] = (weights_.empty() ? 1 : weights_[i]) * cross_entropy(losses_[i], others[i]);
    }
  }
  if (weights_.empty()) return;
  for (std::ptrdiff_t c = 0; c < classes; ++c) {
    for (std::ptrdiff_t i = first_row; i < last_row; ++i) logit_gradients_.row(c)[i] *= weights_[i];
  }
}

void BatchGradient::add_bias_gradient() {
  for (std::ptrdiff_t c = 0; c < head_.classes(); ++c) {
    bias_gradient_[c] +=
        Eigen::Map<const Eigen::VectorXf>(logit_gradients_.row(c), rows_.size()).sum();
  }
}

void BatchGradient::update(const Update& weights) {
  const std::ptrdiff_t blocks = (head_.features() + kBlockFeatures - 1) / kBlockFeatures;
  // Without a poll: once a part of the weights has changed, the rest must change as well.
  execution_.pool.run(
      execution_.threads, blocks, [] {},
      [&](std::ptrdiff_t block, int) {
        execution_.kernels.gradient[stored_type()](
            stored_rows(0, rows_.size()), head_.classes(), block * kBlockFeatures,
            static_cast<const PaddedMatrix&>(logit_gradients_).from_row(0), weights);
      });
}

}  // namespace coral_learn
