#include "core/batch_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace coral_learn {
namespace {

// A thread is worth its while for this many multiplications, some 20 microseconds of work.
constexpr std::ptrdiff_t kProductsPerThread = 500'000;

Engine with_useful_threads(const Engine& engine, std::ptrdiff_t products) {
  const std::ptrdiff_t useful = std::max<std::ptrdiff_t>(1, products / kProductsPerThread);
  return {engine.kernels, engine.pool,
          static_cast<int>(std::min<std::ptrdiff_t>(engine.threads, useful)), engine.poll};
}

// Rows whose gradient is made at a time: of a small head, enough to keep some threads busy.
std::ptrdiff_t gradient_rows(std::ptrdiff_t classes, std::ptrdiff_t features) {
  constexpr std::ptrdiff_t kMost = 1024, kProducts = 4 * kProductsPerThread;
  return std::max(chunk_rows(classes, features), std::min(kMost, kProducts / (classes * features)));
}

}  // namespace

BatchGradient::BatchGradient(const Engine& engine, const SoftmaxHead& head,
                             const LabeledEmbeddings& data, std::ptrdiff_t batch_size,
                             const BatchGradientOptions& options)
    : engine_(with_useful_threads(
          engine, std::min(batch_size, gradient_rows(head.classes(), head.features())) *
                      head.classes() * head.features())),
      head_(head),
      data_(data),
      blocks_(head.classes(), engine.kernels.class_block),
      chunk_size_(std::min(batch_size, gradient_rows(head.classes(), head.features()))),
      options_(options),
      rows_(chunk_size_),
      labels_(chunk_size_),
      slopes_(chunk_size_, head.classes()),
      maxima_(chunk_size_),
      sums_(chunk_size_),
      losses_(options.with_loss ? chunk_size_ : 0),
      whole_(batch_size > chunk_size_),
      bias_gradient_(head.classes()) {
  if (whole_) {
    weight_gradient_.emplace_back(head.classes(), head.features());
  } else {
    for (int i = 0; i < engine_.threads; ++i) {
      weight_gradient_.emplace_back(engine.kernels.class_block, head.features());
    }
  }
}

void BatchGradient::compute(const std::vector<std::uint32_t>& batch, const UseGradient& use) {
  const auto size = static_cast<std::ptrdiff_t>(batch.size());
  loss_ = 0;
  for (std::ptrdiff_t first = 0; first < size; first += chunk_size_) {
    gather(batch.data() + first, std::min(chunk_size_, size - first));
    make_slopes();
    // One after the other, so that the sum does not depend on the threads.
    if (options_.with_loss) {
      loss_ = std::accumulate(losses_.begin(), losses_.begin() + rows_.size(), loss_);
    }
    make_gradient(first == 0, first + chunk_size_ < size ? nullptr : &use);
  }
}

void BatchGradient::gather(const std::uint32_t* batch, std::ptrdiff_t count) {
  rows_.resize(count);
  labels_.resize(count);
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    rows_[i] = data_.embeddings.row(batch[i]);
    labels_[i] = data_.labels[batch[i]];
  }
}

void BatchGradient::make_slopes() {
  const auto rows = static_cast<std::ptrdiff_t>(rows_.size());
  const int parts = engine_.threads;
  if (shares_classes()) {
    engine_.for_each(blocks_.count(), [&](std::ptrdiff_t block, int) { multiply(block, 0, rows); });
  }
  engine_.for_each(parts, [&](std::ptrdiff_t part, int) {
    const std::ptrdiff_t first = part * rows / parts, last = (part + 1) * rows / parts;
    if (!shares_classes()) {
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
  engine_.kernels.multiply[stored_type()](stored_rows(first_row, last_row), blocks_.size(block),
                                          head_.weights.from_row(c),
                                          {slopes_.row(first_row) + c, slopes_.stride()});
}

void BatchGradient::softmax(std::ptrdiff_t first_row, std::ptrdiff_t last_row) {
  engine_.kernels.softmax(last_row - first_row, head_.classes(), data_.embeddings.scale,
                          head_.biases.data(), slopes_.from_row(first_row),
                          maxima_.data() + first_row, sums_.data() + first_row);
  for (std::ptrdiff_t i = first_row; i < last_row; ++i) make_slope(i);
}

void BatchGradient::make_slope(std::ptrdiff_t row) {
  float* slope = slopes_.row(row);
  const std::int32_t label = labels_[row];
  const float weight = options_.class_weights == nullptr ? 1 : options_.class_weights[label];
  if (options_.with_loss) {
    losses_[row] = -weight * std::log(std::max(slope[label], std::numeric_limits<float>::min()));
  }
  slope[label] -= 1;
  if (weight != 1) {
    for (std::ptrdiff_t c = 0; c < head_.classes(); ++c) slope[c] *= weight;
  }
}

void BatchGradient::make_gradient(bool first_chunk, const UseGradient* use) {
  const auto rows = static_cast<std::ptrdiff_t>(rows_.size());
  const std::ptrdiff_t features = head_.features();
  // Parts of the features start at whole cache lines.
  const std::ptrdiff_t parts = shares_classes() ? 1 : engine_.threads;
  const std::ptrdiff_t part_size = round_up((features + parts - 1) / parts, kPadding);
  const auto task = [&](std::ptrdiff_t index, int thread) {
    const std::ptrdiff_t block = index / parts;
    const std::ptrdiff_t first_feature = index % parts * part_size;
    const std::ptrdiff_t last_feature = std::min(first_feature + part_size, features);
    if (first_feature >= last_feature) return;
    const std::ptrdiff_t c = blocks_.first(block), classes = blocks_.size(block);
    const MatrixBlock<const float> slopes{slopes_.row(0) + c, slopes_.stride()};
    const MatrixBlock<float> gradient =
        whole_ ? weight_gradient_[0].from_row(c) : weight_gradient_[thread].from_row(0);
    engine_.kernels.gradient[stored_type()](stored_rows(0, rows), classes, first_feature,
                                            last_feature, slopes, !first_chunk, gradient);
    float* biases = first_feature == 0 ? bias_gradient_.data() + c : nullptr;
    if (biases != nullptr) {
      if (first_chunk) std::fill_n(biases, classes, 0.0F);
      for (std::ptrdiff_t i = 0; i < rows; ++i) {
        for (std::ptrdiff_t k = 0; k < classes; ++k)
          biases[k] += slopes.values[i * slopes.stride + k];
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
  // Nothing stops this: some of the gradient may have been used.
  engine_.pool.run(engine_.threads, blocks_.count() * parts, [] {}, task);
}

}  // namespace coral_learn
