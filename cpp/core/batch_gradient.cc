#include "core/batch_gradient.h"

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

// Returns how many rows of a batch to process at a time. A small head takes more of them, so that
// several threads are kept busy.
std::ptrdiff_t gradient_rows(std::ptrdiff_t classes, std::ptrdiff_t features) {
  constexpr std::ptrdiff_t kMaxRows = 1024, kProducts = 4 * kProductsPerThread;
  return std::max(chunk_rows(classes, features),
                  std::min(kMaxRows, kProducts / (classes * features)));
}

}  // namespace

BatchGradient::BatchGradient(const Execution& execution, const SoftmaxHead& head,
                             const LabeledEmbeddings& data, std::ptrdiff_t batch_size,
                             const BatchGradientOptions& options)
    : execution_(with_useful_threads(
          execution, std::min(batch_size, gradient_rows(head.classes(), head.features())) *
                         head.classes() * head.features())),
      head_(head),
      data_(data),
      blocks_(head.classes(), execution.kernels.class_block),
      chunk_size_(std::min(batch_size, gradient_rows(head.classes(), head.features()))),
      options_(options),
      rows_(chunk_size_),
      labels_(chunk_size_),
      weights_(options.row_weights == nullptr ? 0 : chunk_size_),
      logit_gradients_(chunk_size_, head.classes()),
      maxima_(chunk_size_),
      sums_(chunk_size_),
      losses_(options.with_loss ? chunk_size_ : 0),
      whole_(batch_size > chunk_size_),
      bias_gradient_(head.classes()) {
  if (whole_) {
    weight_gradient_.emplace_back(head.classes(), head.features());
  } else {
    for (int i = 0; i < execution_.threads; ++i) {
      weight_gradient_.emplace_back(execution.kernels.class_block, head.features());
    }
  }
}

void BatchGradient::compute(const std::vector<std::uint32_t>& batch, const UseGradient& use) {
  const auto size = static_cast<std::ptrdiff_t>(batch.size());
  loss_ = 0;
  for (std::ptrdiff_t first = 0; first < size; first += chunk_size_) {
    gather(batch.data() + first, std::min(chunk_size_, size - first));
    compute_logit_gradients();
    // Added in order, so that the sum does not depend on the number of threads.
    if (options_.with_loss) {
      loss_ = std::accumulate(losses_.begin(), losses_.begin() + rows_.size(), loss_);
    }
    compute_weight_gradient(first == 0, first + chunk_size_ < size ? nullptr : &use);
  }
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
  const int parts = execution_.threads;
  if (divides_classes()) {
    execution_.for_each(blocks_.count(),
                        [&](std::ptrdiff_t block, int) { multiply(block, 0, rows); });
  }
  execution_.for_each(parts, [&](std::ptrdiff_t part, int) {
    const std::ptrdiff_t first = part * rows / parts, last = (part + 1) * rows / parts;
    if (!divides_classes()) {
      for (std::ptrdiff_t block = 0; block < blocks_.count(); ++block) {
        multiply(block, first, last);
      }
    }
    softmax(first, last);
  });
}

void BatchGradient::multiply(std::ptrdiff_t block, std::ptrdiff_t first_row,
                             std::ptrdiff_t last_row) {
  const std::ptrdiff_t c = blocks_.first(block);
  execution_.kernels.multiply[stored_type()](
      stored_rows(first_row, last_row), blocks_.size(block), head_.weights.from_row(c),
      {logit_gradients_.row(first_row) + c, logit_gradients_.stride()});
}

void BatchGradient::softmax(std::ptrdiff_t first_row, std::ptrdiff_t last_row) {
  execution_.kernels.softmax(last_row - first_row, head_.classes(), data_.embeddings.scale,
                             head_.biases.data(), logit_gradients_.from_row(first_row),
                             maxima_.data() + first_row, sums_.data() + first_row);
  for (std::ptrdiff_t i = first_row; i < last_row; ++i) compute_logit_gradient(i);
}

void BatchGradient::compute_logit_gradient(std::ptrdiff_t row) {
  float* logit_gradient = logit_gradients_.row(row);
  const std::int32_t label = labels_[row];
  const float weight = weights_.empty() ? 1 : weights_[row];
  if (options_.with_loss) {
    losses_[row] =
        -weight * std::log(std::max(logit_gradient[label], std::numeric_limits<float>::min()));
  }
  logit_gradient[label] -= 1;
  if (weight != 1) {
    for (std::ptrdiff_t c = 0; c < head_.classes(); ++c) logit_gradient[c] *= weight;
  }
}

void BatchGradient::compute_weight_gradient(bool first_chunk, const UseGradient* use) {
  const auto rows = static_cast<std::ptrdiff_t>(rows_.size());
  const std::ptrdiff_t features = head_.features();
  // Each part of the features starts at a cache line.
  const std::ptrdiff_t parts = divides_classes() ? 1 : execution_.threads;
  const std::ptrdiff_t part_size = round_up((features + parts - 1) / parts, kPadding);
  const auto task = [&](std::ptrdiff_t index, int thread) {
    const std::ptrdiff_t block = index / parts;
    const std::ptrdiff_t first_feature = index % parts * part_size;
    const std::ptrdiff_t last_feature = std::min(first_feature + part_size, features);
    if (first_feature >= last_feature) return;
    const std::ptrdiff_t c = blocks_.first(block), classes = blocks_.size(block);
    const MatrixBlock<const float> logit_gradients{logit_gradients_.row(0) + c,
                                                   logit_gradients_.stride()};
    const MatrixBlock<float> gradient =
        whole_ ? weight_gradient_[0].from_row(c) : weight_gradient_[thread].from_row(0);
    execution_.kernels.gradient[stored_type()](stored_rows(0, rows), classes, first_feature,
                                               last_feature, logit_gradients, !first_chunk,
                                               gradient);
    float* biases = first_feature == 0 ? bias_gradient_.data() + c : nullptr;
    if (biases != nullptr) {
      if (first_chunk) std::fill_n(biases, classes, 0.0F);
      for (std::ptrdiff_t i = 0; i < rows; ++i) {
        for (std::ptrdiff_t k = 0; k < classes; ++k)
          biases[k] += logit_gradients.values[i * logit_gradients.stride + k];
      }
    }
    if (use != nullptr) {
      (*use)({c,
              classes,
              first_feature,
              last_feature - first_feature,
              {gradient.values + first_feature, gradient.stride},
              biases});
    }
  };
  // Without a poll: once part of the gradient has been used, the rest must be used as well.
  execution_.pool.run(execution_.threads, blocks_.count() * parts, [] {}, task);
}

}  // namespace coral_learn
