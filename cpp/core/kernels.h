// The inner loops of training and prediction. They are compiled once for each instruction set (see
// kernels.cc); which ones to use is chosen at run time.
#pragma once

#include <cstddef>

namespace coral_learn {

// Rows of padded matrices end at multiples of this many floats, so that the kernels can load and
// store whole vectors. Each kernel says below what the padding must hold.
constexpr std::ptrdiff_t kPadding = 16;

// Embeddings as they are stored, with one pointer per row, so that a batch needs no copy.
struct StoredRows {
  const void* const* rows;
  std::ptrdiff_t count;
  std::ptrdiff_t features;
  float zero_point;  // subtracted from integers as they are read
};

// Some rows of a padded matrix, starting at some column.
template <typename Float>
struct MatrixBlock {
  Float* values;
  std::ptrdiff_t stride;  // floats from one row to the next
};

// products[i][c] = dot(rows[i], weights[c]) for c in [0, classes), classes in [1, class_block].
// Weights are zero in the padding. The order of the sum does not depend on the number of rows and
// classes.
using MultiplyKernel = void(const StoredRows& rows, std::ptrdiff_t classes,
                            MatrixBlock<const float> weights, MatrixBlock<float> products);

// Turns products into probabilities in place: each row becomes the softmax of scale * products +
// biases. The largest logit is subtracted first, so that nothing overflows;
// maxima[i] + log(sums[i]) is the logarithm of the sum of the exponentials of the logits. In the
// padding, products are zero and biases minus infinity.
using SoftmaxKernel = void(std::ptrdiff_t rows, std::ptrdiff_t classes, float scale,
                           const float* biases, MatrixBlock<float> products, float* maxima,
                           float* sums);

// gradient[c] = sum over i of logit_gradients[i][c] * rows[i], for c in [0, classes), classes in
// [1, class_block], and features in [first_feature, last_feature), added to the
// present values if accumulate is true. first_feature is a multiple of kPadding; the padding stays
// zero.
using GradientKernel = void(const StoredRows& rows, std::ptrdiff_t classes,
                            std::ptrdiff_t first_feature, std::ptrdiff_t last_feature,
                            MatrixBlock<const float> logit_gradients, bool accumulate,
                            MatrixBlock<float> gradient);

// y = a * x + b * y, over `size` floats and the padding after them.
using CombineKernel = void(std::ptrdiff_t size, float a, const float* x, float b, float* y);

struct Kernels {
  const char* instruction_set;
  std::ptrdiff_t class_block;   // classes whose sums are held in registers at a time
  MultiplyKernel* multiply[3];  // by StoredType
  GradientKernel* gradient[3];  // by StoredType
  SoftmaxKernel* softmax;
  CombineKernel* combine;
};

}  // namespace coral_learn
