// The kernels. This file is compiled once for each instruction set; CORAL_LEARN_KERNELS is the name
// of the table.
//
// Everything except the table is in an unnamed namespace, and no inline function of a library is
// used. If two compilations of this file defined the same function, the linker would keep only one
// of them, and perhaps the one that the processor cannot run.
#include "core/kernels.h"

#include "core/vector.h"

#define CORAL_LEARN_STRING_OF(name) #name
#define CORAL_LEARN_STRING(name) CORAL_LEARN_STRING_OF(name)

namespace coral_learn {
namespace {

// Tiles of sums that fill the registers, except those that the inputs need.
constexpr int kTileRows = kRegisters == 32 ? 4 : 2;
constexpr int kTileClasses = 6;
constexpr int kTileVectors = kRegisters == 32 ? 4 : 2;

template <typename T>
inline Vector load_centered(const T* from, float zero_point) {
  return load(from) - zero_point;
}
inline Vector load_centered(const float* from, float) { return load(from); }

template <typename T>
inline Vector load_centered_part(const T* from, std::ptrdiff_t count, float zero_point) {
  return load_part(from, count, static_cast<T>(zero_point)) - zero_point;
}
inline Vector load_centered_part(const float* from, std::ptrdiff_t count, float) {
  return load_part(from, count, 0.0F);
}

// Calls visit(integral constant) with the number of classes, which is in [1, kTileClasses].
template <int kClasses = kTileClasses, typename Visit>
inline void with_constant(std::ptrdiff_t classes, const Visit& visit) {
  if constexpr (kClasses > 0) {
    if (classes == kClasses) return visit(std::integral_constant<int, kClasses>());
    with_constant<kClasses - 1>(classes, visit);
  }
}

// Computes the products of kTileRows rows, and fetches as many rows after them into the cache.
template <int kClasses, typename T>
inline void multiply_tile(const T* const* rows, std::ptrdiff_t features, float zero_point,
                          MatrixBlock<const float> weights, float* const* products) {
  constexpr int kSums = kTileRows * kClasses;
  constexpr int kReduced = (kSums + kLanes - 1) / kLanes * kLanes;
  Vector sums[kReduced] = {};
  const auto add = [&](std::ptrdiff_t feature, const Vector* x) {
    for (int c = 0; c < kClasses; ++c) {
      const Vector w = load(weights.values + c * weights.stride + feature);
      for (int r = 0; r < kTileRows; ++r) sums[r * kClasses + c] += w * x[r];
    }
  };
  Vector x[kTileRows];
  std::ptrdiff_t feature = 0;
  for (; feature + kLanes <= features; feature += kLanes) {
    for (int r = 0; r < kTileRows; ++r) {
      x[r] = load_centered(rows[r] + feature, zero_point);
      // Into the second level: in the first, rows 4096 bytes apart would evict each other.
      __builtin_prefetch(rows[kTileRows + r] + feature, 0, 2);
    }
    add(feature, x);
  }
  if (feature < features) {
    for (int r = 0; r < kTileRows; ++r) {
      x[r] = load_centered_part(rows[r] + feature, features - feature, zero_point);
    }
    add(feature, x);
  }
  float reduced[kReduced];
  for (int i = 0; i < kReduced; i += kLanes) store(reduced + i, sum_each(sums + i));
  for (int r = 0; r < kTileRows; ++r) {
    __builtin_memcpy(products[r], reduced + r * kClasses, kClasses * sizeof(float));
  }
}

template <typename T>
void multiply(const StoredRows& rows, std::ptrdiff_t classes, MatrixBlock<const float> weights,
              MatrixBlock<float> products) {
  with_constant(classes, [&](auto constant) {
    for (std::ptrdiff_t first = 0; first < rows.count; first += kTileRows) {
      // Past the end, the last row is used again.
      const auto clamp = [&](std::ptrdiff_t row) {
        return row < rows.count ? row : rows.count - 1;
      };
      const T* tile[2 * kTileRows];
      for (int r = 0; r < 2 * kTileRows; ++r) {
        tile[r] = static_cast<const T*>(rows.rows[clamp(first + r)]);
      }
      float* out[kTileRows];
      for (int r = 0; r < kTileRows; ++r) {
        out[r] = products.values + clamp(first + r) * products.stride;
      }
      multiply_tile<constant>(tile, rows.features, rows.zero_point, weights, out);
    }
  });
}

void softmax(std::ptrdiff_t rows, std::ptrdiff_t classes, float scale, const float* biases,
             MatrixBlock<float> products, float* maxima, float* sums) {
  for (std::ptrdiff_t i = 0; i < rows; ++i) {
    float* row = products.values + i * products.stride;
    const auto logits = [&](std::ptrdiff_t c) { return load(row + c) * scale + load(biases + c); };
    Vector high = logits(0);
    for (std::ptrdiff_t c = kLanes; c < classes; c += kLanes) high = larger(logits(c), high);
    const float maximum = largest(high);
    Vector total = {};
    for (std::ptrdiff_t c = 0; c < classes; c += kLanes) {
      const Vector exponentials = exp_of_nonpositive(logits(c) - maximum);
      total += exponentials;
      store(row + c, exponentials);
    }
    maxima[i] = maximum;
    sums[i] = sum(total);
    const Vector inverse = broadcast(1.0F / sums[i]);
    for (std::ptrdiff_t c = 0; c < classes; c += kLanes) store(row + c, load(row + c) * inverse);
  }
}

// Computes kVectors vectors of features; with kPart, only `part` features, less than one vector.
template <int kClasses, int kVectors, bool kPart, typename T>
inline void gradient_tile(const StoredRows& rows, std::ptrdiff_t feature, std::ptrdiff_t part,
                          MatrixBlock<const float> logit_gradients, bool accumulate,
                          MatrixBlock<float> gradient) {
  const auto at = [&](std::ptrdiff_t c, std::ptrdiff_t v) {
    return gradient.values + c * gradient.stride + feature + v * kLanes;
  };
  Vector sums[kClasses][kVectors] = {};
  if (accumulate) {
    for (int c = 0; c < kClasses; ++c) {
      for (int v = 0; v < kVectors; ++v) sums[c][v] = load(at(c, v));
    }
  }
  for (std::ptrdiff_t i = 0; i < rows.count; ++i) {
    const T* row = static_cast<const T*>(rows.rows[i]) + feature;
    const float* logit_gradient = logit_gradients.values + i * logit_gradients.stride;
    Vector x[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      x[v] = kPart ? load_centered_part(row, part, rows.zero_point)
                   : load_centered(row + v * kLanes, rows.zero_point);
    }
    for (int c = 0; c < kClasses; ++c) {
      for (int v = 0; v < kVectors; ++v) sums[c][v] += logit_gradient[c] * x[v];
    }
  }
  for (int c = 0; c < kClasses; ++c) {
    for (int v = 0; v < kVectors; ++v) store(at(c, v), sums[c][v]);
  }
}

template <typename T>
void gradient(const StoredRows& rows, std::ptrdiff_t classes, std::ptrdiff_t first_feature,
              std::ptrdiff_t last_feature, MatrixBlock<const float> logit_gradients,
              bool accumulate, MatrixBlock<float> out) {
  with_constant(classes, [&](auto constant) {
    constexpr int kTileFeatures = kTileVectors * kLanes;
    std::ptrdiff_t feature = first_feature;
    for (; feature + kTileFeatures <= last_feature; feature += kTileFeatures) {
      gradient_tile<constant, kTileVectors, false, T>(rows, feature, 0, logit_gradients, accumulate,
                                                      out);
    }
    for (; feature + kLanes <= last_feature; feature += kLanes) {
      gradient_tile<constant, 1, false, T>(rows, feature, 0, logit_gradients, accumulate, out);
    }
    if (feature < last_feature) {
      gradient_tile<constant, 1, true, T>(rows, feature, last_feature - feature, logit_gradients,
                                          accumulate, out);
    }
  });
}

void combine(std::ptrdiff_t size, float a, const float* x, float b, float* y) {
  for (std::ptrdiff_t i = 0; i < size; i += kLanes) store(y + i, a * load(x + i) + b * load(y + i));
}

}  // namespace

extern const Kernels CORAL_LEARN_KERNELS;
const Kernels CORAL_LEARN_KERNELS = {
    CORAL_LEARN_STRING(CORAL_LEARN_INSTRUCTION_SET),
    kTileClasses,
    {multiply<float>, multiply<std::uint8_t>, multiply<std::int8_t>},
    {gradient<float>, gradient<std::uint8_t>, gradient<std::int8_t>},
    softmax,
    combine,
};

}  // namespace coral_learn
