#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/class_blocks.h"
#include "core/embeddings.h"
#include "core/execution.h"
#include "core/padded.h"
#include "core/softmax_head.h"

namespace coral_learn {

// The gradient of the cross entropy, summed over a batch, for some classes and features.
struct GradientBlock {
  std::ptrdiff_t first_class;
  std::ptrdiff_t classes;
  std::ptrdiff_t first_feature;
  std::ptrdiff_t features;
  MatrixBlock<const float> weights;  // [classes, features]
  const float* biases;               // [classes]; null unless first_feature is 0
};

// Called for each block of a gradient, by several threads at a time. May change the weights and
// biases of the head in that block, but no others. Must not throw.
using UseGradient = std::function<void(const GradientBlock&)>;

struct BatchGradientOptions {
  const float* row_weights = nullptr;  // [N], how much each row of the data counts; null for 1
  bool with_loss = false;
};

// Computes gradients of one head, for batches of one set of embeddings.
//
// Products, softmax and gradient are computed for one chunk of rows at a time, while it is in the
// cache. If there are many classes, each thread takes some of them and keeps their weights in its
// own cache; otherwise threads divide the rows and then the features. If a batch is a single chunk,
// its gradient is passed on block by block from the cache, and never stored as a whole.
class BatchGradient {
 public:
  // The kernels, threads, head and arrays must outlive the object.
  BatchGradient(const Execution& execution, const SoftmaxHead& head, const LabeledEmbeddings& data,
                std::ptrdiff_t batch_size, const BatchGradientOptions& options = {});

  // If the poll throws, `use` has not been called.
  void compute(const std::vector<std::uint32_t>& batch, const UseGradient& use);

  // The cross entropy, summed over the last batch. Needs with_loss.
  double loss() const { return loss_; }

 private:
  void gather(const std::uint32_t* batch, std::ptrdiff_t count);
  void compute_logit_gradients();
  void compute_weight_gradient(bool first_chunk, const UseGradient* use);
  void multiply(std::ptrdiff_t block, std::ptrdiff_t first_row, std::ptrdiff_t last_row);
  void softmax(std::ptrdiff_t first_row, std::ptrdiff_t last_row);
  void compute_logit_gradient(std::ptrdiff_t row);

  StoredRows stored_rows(std::ptrdiff_t first, std::ptrdiff_t last) const {
    const EmbeddingView& embeddings = data_.embeddings;
    return {rows_.data() + first, last - first, embeddings.features, embeddings.zero_point};
  }
  int stored_type() const { return static_cast<int>(data_.embeddings.type); }
  bool divides_classes() const { return blocks_.count() / 2 >= execution_.threads; }

  const Execution execution_;
  const SoftmaxHead& head_;
  const LabeledEmbeddings data_;
  const ClassBlocks blocks_;
  const std::ptrdiff_t chunk_size_;
  const BatchGradientOptions options_;

  // For the present chunk.
  std::vector<const void*> rows_;
  std::vector<std::int32_t> labels_;
  std::vector<float> weights_;    // empty if all rows count 1
  PaddedMatrix logit_gradients_;  // first holds products, then probabilities
  std::vector<float> maxima_;
  std::vector<float> sums_;
  std::vector<float> losses_;

  // Summed over the chunks so far. If a batch is a single chunk, each thread has one block only.
  const bool whole_;
  std::vector<PaddedMatrix> weight_gradient_;
  std::vector<float> bias_gradient_;
  double loss_ = 0;
};

}  // namespace coral_learn
