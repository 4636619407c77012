// The inner loops of training and prediction. They are compiled once for each instruction set (see
// kernels.cc); which ones to use is chosen at run time.
#pragma once

#include <cstddef>

namespace coral_learn {

// Rows of padded matrices end at multiples of this many floats, so that the kernels can load and
// store whole vectors.
constexpr std::ptrdiff_t kPadding = 16;

// The kernels work on blocks of at most this many rows and features, which the first-level cache
// holds with something to spare (28 of 32 KB).
constexpr std::ptrdiff_t kBlockRows = 112, kBlockFeatures = 64;

// Embeddings as they are stored, with one pointer per row.
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

// A matrix that is to become keep * itself + factor * a product. If keep is 0, its present values
// are not read.
struct Update {
  MatrixBlock<float> matrix;
  float factor;
  float keep;
};

// products[c][i] = dot(weights[c], rows[i]). The padding after the products is overwritten. The
// order of a sum does not depend on the number of rows.
using MultiplyKernel = void(const StoredRows& rows, std::ptrdiff_t classes,
                            MatrixBlock<const float> weights, MatrixBlock<float> products);

// Turns products into probabilities in place: each column becomes the softmax of scale * products +
// biases. The largest logit is subtracted first, so that nothing overflows;
// maxima[i] + log(sums[i]) is the logarithm of the sum of the exponentials of the logits. Maxima
// and sums are padded as the products are.
using SoftmaxKernel = void(std::ptrdiff_t rows, std::ptrdiff_t classes, float scale,
                           const float* biases, MatrixBlock<float> products, float* maxima,
                           float* sums);

// Updates a matrix of weights by the gradient, which is the sum over i of logit_gradients[c][i] *
// rows[i] for each class c, for the kBlockFeatures features from first_feature on, or fewer at the
// end. Zeros in the padding stay zero.
using GradientKernel = void(const StoredRows& rows, std::ptrdiff_t classes,
                            std::ptrdiff_t first_feature, MatrixBlock<const float> logit_gradients,
                            const Update& weights);

// y = a * x + b * y, over `size` floats and the padding after them.
using CombineKernel = void(std::ptrdiff_t size, float a, const float* x, float b, float* y);

struct Kernels {
  const char* instruction_set;
  MultiplyKernel* multiply[3];  // by StoredType
  GradientKernel* gradient[3];  // by StoredType
  SoftmaxKernel* softmax;
  CombineKernel* combine;
};

}  // namespace coral_learn
