#include "core/inference.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/batch_gradient.h"

namespace coral_learn {
namespace {

bool is_finite(const EmbeddingView& embeddings, std::ptrdiff_t row) {
  if (embeddings.type != StoredType::kFloat32) return true;
  const auto* values = static_cast<const float*>(embeddings.row(row));
  return std::all_of(values, values + embeddings.features,
                     [](float value) { return std::isfinite(value); });
}

// A chunk of embeddings, its products with the weights, and the results computed from these.
class Chunk {
 public:
  // chosen: the rows to read; null for all of them.
  Chunk(const Kernels& kernels, const SoftmaxHead& head, const EmbeddingView& embeddings,
        const std::uint32_t* chosen)
      : kernels_(kernels),
        head_(head),
        embeddings_(embeddings),
        chosen_(chosen),
        rows_(chunk_rows(head.classes(), head.features())),
        products_(head.classes(), rows_.size()),
        maxima_(1, rows_.size()),
        sums_(1, rows_.size()),
        largest_(rows_.size()) {}

  void multiply(std::ptrdiff_t first, std::ptrdiff_t count) {
    count_ = count;
    for (std::ptrdiff_t i = 0; i < count; ++i) rows_[i] = embeddings_.row(row(first + i));
    const StoredRows stored{rows_.data(), count, embeddings_.features, embeddings_.zero_point};
    kernels_.multiply[static_cast<int>(embeddings_.type)](
        stored, head_.classes(), head_.weights.from_row(0), products_.from_row(0));
    // A feature that is not finite makes every logit of its row not finite. So the features need to
    // be checked only if the first logit is not finite.
    for (std::ptrdiff_t i = 0; i < count; ++i) {
      if (!std::isfinite(logit(i, 0)) && !is_finite(embeddings_, row(first + i))) {
        throw NonFiniteEmbedding(row(first + i));
      }
    }
  }

  std::ptrdiff_t row(std::ptrdiff_t index) const {
    return chosen_ == nullptr ? index : chosen_[index];
  }

  float logit(std::ptrdiff_t i, std::ptrdiff_t c) const {
    return products_.row(c)[i] * embeddings_.scale + head_.biases[c];
  }

  // Returns the class with the largest logit for each row; the first, if several are equal.
  const std::vector<std::int32_t>& largest_logits() {
    std::fill(largest_.begin(), largest_.end(), 0);
    for (std::ptrdiff_t i = 0; i < count_; ++i) maxima_.data()[i] = logit(i, 0);
    for (std::ptrdiff_t c = 1; c < head_.classes(); ++c) {
      for (std::ptrdiff_t i = 0; i < count_; ++i) {
        const float value = logit(i, c);
        const bool larger = value > maxima_.data()[i];
        maxima_.data()[i] = larger ? value : maxima_.data()[i];
        largest_[i] = larger ? static_cast<std::int32_t>(c) : largest_[i];
      }
    }
    return largest_;
  }

  std::ptrdiff_t count_right(const std::int32_t* labels) {
    const std::vector<std::int32_t>& largest = largest_logits();
    std::ptrdiff_t right = 0;
    for (std::ptrdiff_t i = 0; i < count_; ++i) right += largest[i] == labels[i];
    return right;
  }

  // Returns the logarithm of the sum of the exponentials of each row's logits at a temperature,
  // and leaves the products as they are.
  std::vector<double> log_sums_at(double temperature) {
    PaddedMatrix tempered = products_;
    std::vector<float> biases = head_.biases;
    for (float& bias : biases) bias = static_cast<float>(bias / temperature);
    kernels_.softmax(count_, head_.classes(), static_cast<float>(embeddings_.scale / temperature),
                     biases.data(), tempered.from_row(0), maxima_.data(), sums_.data());
    std::vector<double> logarithms(count_);
    for (std::ptrdiff_t i = 0; i < count_; ++i) logarithms[i] = log_sum_exp(i);
    return logarithms;
  }

  void softmax() {
    kernels_.softmax(count_, head_.classes(), embeddings_.scale, head_.biases.data(),
                     products_.from_row(0), maxima_.data(), sums_.data());
  }

  float probability(std::ptrdiff_t i, std::ptrdiff_t c) const { return products_.row(c)[i]; }
  double log_sum_exp(std::ptrdiff_t i) const {
    return static_cast<double>(maxima_.data()[i]) + std::log(static_cast<double>(sums_.data()[i]));
  }

 private:
  const Kernels& kernels_;
  const SoftmaxHead& head_;
  const EmbeddingView embeddings_;
  const std::uint32_t* const chosen_;
  std::ptrdiff_t count_ = 0;
  std::vector<const void*> rows_;
  PaddedMatrix products_;  // [C, rows]
  PaddedMatrix maxima_;    // [1, rows]
  PaddedMatrix sums_;      // [1, rows]
  std::vector<std::int32_t> largest_;
};

// Calls visit(chunk, first index, number of rows) for the first `count` chosen rows, or of all,
// after computing the products.
template <typename Visit>
void for_each_chunk(const Execution& execution, const SoftmaxHead& head,
                    const EmbeddingView& embeddings, const std::uint32_t* chosen,
                    std::ptrdiff_t total, const Visit& visit) {
  const std::ptrdiff_t size = chunk_rows(head.classes(), head.features());
  std::vector<Chunk> chunks;  // one per thread
  chunks.reserve(execution.threads);
  for (int i = 0; i < execution.threads; ++i)
    chunks.emplace_back(execution.kernels, head, embeddings, chosen);
  execution.for_each((total + size - 1) / size, [&](std::ptrdiff_t index, int thread) {
    const std::ptrdiff_t first = index * size;
    const std::ptrdiff_t count = std::min(size, total - first);
    chunks[thread].multiply(first, count);
    visit(chunks[thread], first, count);
  });
}

template <typename Visit>
void for_each_chunk(const Execution& execution, const SoftmaxHead& head,
                    const EmbeddingView& embeddings, const Visit& visit) {
  for_each_chunk(execution, head, embeddings, nullptr, embeddings.rows, visit);
}

}  // namespace

void predict(const Execution& execution, const SoftmaxHead& head, const EmbeddingView& embeddings,
             std::int64_t* classes) {
  for_each_chunk(execution, head, embeddings,
                 [&](Chunk& chunk, std::ptrdiff_t first, std::ptrdiff_t count) {
                   std::copy_n(chunk.largest_logits().begin(), count, classes + first);
                 });
}

void predict_probabilities(const Execution& execution, const SoftmaxHead& head,
                           const EmbeddingView& embeddings, float* probabilities) {
  for_each_chunk(execution, head, embeddings,
                 [&](Chunk& chunk, std::ptrdiff_t first, std::ptrdiff_t count) {
                   chunk.softmax();
                   for (std::ptrdiff_t i = 0; i < count; ++i) {
                     for (std::ptrdiff_t c = 0; c < head.classes(); ++c) {
                       probabilities[(first + i) * head.classes() + c] = chunk.probability(i, c);
                     }
                   }
                 });
}

double accuracy(const Execution& execution, const SoftmaxHead& head,
                const LabeledEmbeddings& data) {
  std::atomic<std::ptrdiff_t> right{0};
  for_each_chunk(execution, head, data.embeddings,
                 [&](Chunk& chunk, std::ptrdiff_t first, std::ptrdiff_t) {
                   right += chunk.count_right(data.labels + first);
                 });
  return static_cast<double>(right) / static_cast<double>(data.embeddings.rows);
}

Evaluation evaluate(const Execution& execution, const SoftmaxHead& head,
                    const LabeledEmbeddings& data) {
  const auto rows = static_cast<double>(data.embeddings.rows);
  std::vector<double> losses(data.embeddings.rows);
  std::atomic<std::ptrdiff_t> right{0};
  for_each_chunk(execution, head, data.embeddings,
                 [&](Chunk& chunk, std::ptrdiff_t first, std::ptrdiff_t count) {
                   right += chunk.count_right(data.labels + first);
                   for (std::ptrdiff_t i = 0; i < count; ++i) {
                     losses[first + i] = -chunk.logit(i, data.labels[first + i]);
                   }
                   chunk.softmax();
                   for (std::ptrdiff_t i = 0; i < count; ++i) {
                     losses[first + i] += chunk.log_sum_exp(i);
                   }
                 });
  // Added in order, so that the sum does not depend on the number of threads.
  const double loss = std::accumulate(losses.begin(), losses.end(), 0.0);
  return {loss / rows, static_cast<double>(right) / rows};
}

void row_losses(const Execution& execution, const SoftmaxHead& head, const LabeledEmbeddings& data,
                const LossRequest& request, double* losses, bool* right) {
  for_each_chunk(execution, head, data.embeddings, request.rows, request.count,
                 [&](Chunk& chunk, std::ptrdiff_t first, std::ptrdiff_t count) {
                   const auto label = [&](std::ptrdiff_t i) {
                     return data.labels[request.rows[first + i]];
                   };
                   const std::vector<std::int32_t>& largest = chunk.largest_logits();
                   for (std::ptrdiff_t i = 0; i < count; ++i) {
                     right[first + i] = largest[i] == label(i);
                   }
                   double* to = losses + first;
                   for (const double temperature : request.temperatures) {
                     const std::vector<double> log_sums = chunk.log_sums_at(temperature);
                     for (std::ptrdiff_t i = 0; i < count; ++i) {
                       const double logit = chunk.logit(i, label(i)) / temperature;
                       to[i] = std::max(0.0, log_sums[i] - logit);  // rounding may hide that
                     }
                     to += request.count;
                   }
                 });
}

}  // namespace coral_learn
