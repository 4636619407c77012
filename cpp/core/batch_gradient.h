#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/embeddings.h"
#include "core/execution.h"
#include "core/padded.h"
#include "core/softmax_head.h"

namespace coral_learn {

struct BatchGradientOptions {
  const float* row_weights = nullptr;  // [N], how much each row of the data counts; null for 1
  bool with_loss = false;
};

// Returns how many rows to process at a time: enough to use each weight often once it is in the
// cache, and few enough that one chunk takes at most about 30 ms on a small computer.
inline std::ptrdiff_t chunk_rows(std::ptrdiff_t classes, std::ptrdiff_t features) {
  constexpr std::ptrdiff_t kProducts = 200'000'000;
  return std::clamp(kProducts / (classes * features), kPadding, kBlockRows);
}

// Computes gradients of the summed cross entropy of one head, for batches of one set of embeddings.
//
// Products, softmax and gradient are computed for one chunk of rows at a time, while it is in the
// cache. Threads divide the rows for the products, and the features for the gradient.
class BatchGradient {
 public:
  // The kernels, threads, head and arrays must outlive the object.
  BatchGradient(const Execution& execution, const SoftmaxHead& head, const LabeledEmbeddings& data,
                std::ptrdiff_t batch_size, const BatchGradientOptions& options = {});

  // Changes a matrix [C, D], which may be the weights of the head, to
  // keep * itself + factor * gradient of the weights. If keep is 0, its values may be anything.
  // If the poll throws, the weights of the head have not changed.
  void compute(const std::vector<std::uint32_t>& batch, PaddedMatrix& matrix, float factor,
               float keep);

  // The gradient of the biases for the last batch, [C].
  const std::vector<float>& biases() const { return bias_gradient_; }

  // The cross entropy, summed over the last batch. Needs with_loss.
  double loss() const { return loss_; }

 private:
  void gather(const std::uint32_t* batch, std::ptrdiff_t count);
  void compute_logit_gradients();
  void compute_logit_gradients(std::ptrdiff_t first_row, std::ptrdiff_t last_row);
  void add_bias_gradient();
  void update(const Update& weights);

  StoredRows stored_rows(std::ptrdiff_t first, std::ptrdiff_t last) const {
    const EmbeddingView& embeddings = data_.embeddings;
    return {rows_.data() + first, last - first, embeddings.features, embeddings.zero_point};
  }
  int stored_type() const { return static_cast<int>(data_.embeddings.type); }

  const std::ptrdiff_t chunk_size_;
  const Execution execution_;
  const SoftmaxHead& head_;
  const LabeledEmbeddings data_;
  const BatchGradientOptions options_;

  // For the present chunk.
  std::vector<const void*> rows_;
  std::vector<std::int32_t> labels_;
  std::vector<float> weights_;    // empty if all rows count 1
  PaddedMatrix logit_gradients_;  // [C, rows]; first holds products, then probabilities
  PaddedMatrix maxima_;           // [1, rows]
  PaddedMatrix sums_;             // [1, rows]
  std::vector<float> losses_;

  PaddedMatrix sum_;  // over the chunks so far; empty if a batch is a single chunk
  std::vector<float> bias_gradient_;
  double loss_ = 0;
};

}  // namespace coral_learn
