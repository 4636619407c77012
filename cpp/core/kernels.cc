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

// Both passes of training are products of a matrix with one row for each class and of a block of
// the embeddings. The block is packed first: converted, and moved together so that it stays in the
// first-level cache while all classes use it. (Rows of 1024 floats, where they are stored, lie 4096
// bytes apart, and so compete for the same few lines of that cache.)
//
// A tile of the product, kTileClasses rows by some vectors, is summed in registers.
constexpr int kTileClasses = 6;

// The sums, the vectors that they share and one factor more fill 16 or 32 registers.
constexpr int tile_vectors(int classes) {
  constexpr int kVectors[] = {0, 4, 4, 3, 3, 2, 2};
  return kVectors[classes] * kRegisters / 16;
}

// Calls visit(integral constant) with a value in [1, kMax].
template <int kMax, typename Visit>
inline void with_constant(std::ptrdiff_t value, const Visit& visit) {
  if constexpr (kMax > 0) {
    if (value == kMax) return visit(std::integral_constant<int, kMax>());
    with_constant<kMax - 1>(value, visit);
  }
}

// Returns the part of a block from some row and column on.
template <typename Float>
inline MatrixBlock<Float> from(MatrixBlock<Float> block, std::ptrdiff_t row,
                               std::ptrdiff_t column) {
  return {block.values + row * block.stride + column, block.stride};
}

inline std::ptrdiff_t smaller(std::ptrdiff_t a, std::ptrdiff_t b) { return a < b ? a : b; }

inline std::ptrdiff_t divide_up(std::ptrdiff_t a, std::ptrdiff_t b) { return (a + b - 1) / b; }

// Calls visit(first class, integral constant) for tiles of about the same number of classes.
template <typename Visit>
inline void for_each_class_tile(std::ptrdiff_t classes, const Visit& visit) {
  const std::ptrdiff_t tiles = divide_up(classes, kTileClasses);
  for (std::ptrdiff_t tile = 0; tile < tiles; ++tile) {
    const std::ptrdiff_t c = tile * classes / tiles;
    with_constant<kTileClasses>((tile + 1) * classes / tiles - c,
                                [&](auto tile_classes) { visit(c, tile_classes); });
  }
}

// Updates a tile by left [classes, depth] * right [depth, vectors].
template <int kClasses, int kVectors>
inline void update_tile(MatrixBlock<const float> left, std::ptrdiff_t depth,
                        MatrixBlock<const float> right, const Update& update) {
  const auto at = [&](std::ptrdiff_t c, std::ptrdiff_t v) {
    return update.matrix.values + c * update.matrix.stride + v * kLanes;
  };
  // Weights of many classes come from far away, and arrive during the loop.
  for (int c = 0; c < kClasses; ++c) __builtin_prefetch(at(c, 0), 1);
  Vector sums[kClasses][kVectors];
  for (auto& of_class : sums) {
    for (Vector& sum : of_class) sum = Vector{};
  }
  for (std::ptrdiff_t k = 0; k < depth; ++k) {
    const float* row = right.values + k * right.stride;
    Vector x[kVectors];
    for (std::ptrdiff_t v = 0; v < kVectors; ++v) x[v] = load(row + v * kLanes);
    for (int c = 0; c < kClasses; ++c) {
      const float factor = left.values[c * left.stride + k];
      for (int v = 0; v < kVectors; ++v) sums[c][v] += factor * x[v];
    }
  }
  for (int c = 0; c < kClasses; ++c) {
    for (int v = 0; v < kVectors; ++v) {
      const Vector sum = update.factor * sums[c][v];
      store(at(c, v), update.keep == 0 ? sum : update.keep * load(at(c, v)) + sum);
    }
  }
}

// Updates a matrix by left [classes, depth] * right [depth, columns], and the padding of the
// columns up to a whole vector.
void update_matrix(std::ptrdiff_t classes, MatrixBlock<const float> left, std::ptrdiff_t depth,
                   MatrixBlock<const float> right, std::ptrdiff_t columns, const Update& update) {
  for_each_class_tile(classes, [&](std::ptrdiff_t c, auto tile_classes) {
    constexpr std::ptrdiff_t kMaxVectors = tile_vectors(tile_classes);
    for (std::ptrdiff_t column = 0; column < columns; column += kMaxVectors * kLanes) {
      const std::ptrdiff_t vectors = divide_up(columns - column, kLanes);
      with_constant<kMaxVectors>(smaller(vectors, kMaxVectors), [&](auto tile_vectors) {
        update_tile<tile_classes, tile_vectors>(
            from(left, c, 0), depth, from(right, 0, column),
            {from(update.matrix, c, column), update.factor, update.keep});
      });
    }
  });
}

template <typename T>
inline Vector load_centered(const T* from, float zero_point) {
  return load(from) - zero_point;
}
inline Vector load_centered(const float* from, float) { return load(from); }

template <typename T>
inline Vector load_centered_part(const T* from, std::ptrdiff_t count, float zero_point) {
  return load_part(from, count, static_cast<T>(zero_point)) - zero_point;
}

// Packs some rows and features into a block [kBlockRows, kBlockFeatures].
template <typename T>
void pack(const T* const* rows, std::ptrdiff_t count, std::ptrdiff_t feature,
          std::ptrdiff_t features, float zero_point, float* block) {
  for (std::ptrdiff_t i = 0; i < count; ++i, block += kBlockFeatures) {
    const T* row = rows[i] + feature;
    std::ptrdiff_t j = 0;
    for (; j + kLanes <= features; j += kLanes)
      store(block + j, load_centered(row + j, zero_point));
    if (j < features) store(block + j, load_centered_part(row + j, features - j, zero_point));
  }
}

// The same, transposed: [kBlockFeatures, kBlockRows]. Past the end, the last row is repeated.
template <typename T>
void pack_transposed(const T* const* rows, std::ptrdiff_t count, std::ptrdiff_t feature,
                     std::ptrdiff_t features, float zero_point, float* block) {
  for (std::ptrdiff_t i = 0; i < count; i += kLanes, block += kLanes) {
    const T* from[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      from[lane] = rows[smaller(i + lane, count - 1)] + feature;
      // The next rows come from far away if the embeddings are many.
      const T* next = rows[smaller(i + kLanes + lane, count - 1)] + feature;
      for (std::ptrdiff_t byte = 0; byte < features * std::ptrdiff_t{sizeof(T)}; byte += 64) {
        __builtin_prefetch(reinterpret_cast<const char*>(next) + byte, 0, 2);
      }
    }
    const auto pack_square = [&](std::ptrdiff_t j, const auto& load_row) {
      Vector square[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) square[lane] = load_row(from[lane] + j);
      transpose(square);
      for (int lane = 0; lane < kLanes; ++lane)
        store(block + (j + lane) * kBlockRows, square[lane]);
    };
    std::ptrdiff_t j = 0;
    for (; j + kLanes <= features; j += kLanes) {
      pack_square(j, [&](const T* row) { return load_centered(row, zero_point); });
    }
    if (j < features) {
      pack_square(j,
                  [&](const T* row) { return load_centered_part(row, features - j, zero_point); });
    }
  }
}

// Calls visit(first row, number of rows) for blocks of about the same size.
template <typename Visit>
inline void for_each_row_block(std::ptrdiff_t rows, const Visit& visit) {
  const std::ptrdiff_t units = divide_up(rows, kPadding), blocks = divide_up(rows, kBlockRows);
  for (std::ptrdiff_t block = 0; block < blocks; ++block) {
    const std::ptrdiff_t first = block * units / blocks * kPadding;
    visit(first, smaller((block + 1) * units / blocks * kPadding, rows) - first);
  }
}

// Products of up to this many classes are computed from the rows as they are stored. With more
// classes, the sums over the lanes and the reading of rows for each tile take longer than packing.
constexpr std::ptrdiff_t kFewClasses = 24;

// Computes the products of kRows rows, which are read as they are stored, and fetches as many rows
// after them into the cache.
template <int kClasses, int kRows, typename T>
inline void multiply_rows(const T* const* rows, std::ptrdiff_t features, float zero_point,
                          MatrixBlock<const float> weights, float (&products)[kClasses][kRows]) {
  constexpr int kSums = kClasses * kRows;
  constexpr int kReduced = (kSums + kLanes - 1) / kLanes * kLanes;
  Vector sums[kReduced] = {};
  const auto add = [&](std::ptrdiff_t feature, const auto& load_row) {
    Vector x[kRows];
    for (int r = 0; r < kRows; ++r) {
      x[r] = load_row(rows[r] + feature);
      // Into the second level: in the first, rows 4096 bytes apart would evict each other.
      __builtin_prefetch(rows[kRows + r] + feature, 0, 2);
    }
    for (int c = 0; c < kClasses; ++c) {
      const Vector w = load(weights.values + c * weights.stride + feature);
      for (int r = 0; r < kRows; ++r) sums[c * kRows + r] += w * x[r];
    }
  };
  std::ptrdiff_t feature = 0;
  for (; feature + kLanes <= features; feature += kLanes) {
    add(feature, [&](const T* row) { return load_centered(row, zero_point); });
  }
  if (feature < features) {
    add(feature,
        [&](const T* row) { return load_centered_part(row, features - feature, zero_point); });
  }
  float reduced[kReduced];
  for (int i = 0; i < kReduced; i += kLanes) store(reduced + i, sum_each(sums + i));
  __builtin_memcpy(products, reduced, sizeof products);
}

template <int kClasses, typename T>
__attribute__((noinline)) void multiply_tile(const T* const* rows, std::ptrdiff_t count,
                                             std::ptrdiff_t features, float zero_point,
                                             MatrixBlock<const float> weights,
                                             MatrixBlock<float> products) {
  constexpr int kRows = tile_vectors(kClasses);
  for (std::ptrdiff_t first = 0; first < count; first += kRows) {
    const T* tile[2 * kRows];  // past the end, the last row is used again
    for (int r = 0; r < 2 * kRows; ++r) tile[r] = rows[smaller(first + r, count - 1)];
    float of_tile[kClasses][kRows];
    multiply_rows(tile, features, zero_point, weights, of_tile);
    for (int c = 0; c < kClasses; ++c) {
      float* out = products.values + c * products.stride + first;
      if (first + kRows <= count) {
        __builtin_memcpy(out, of_tile[c], sizeof of_tile[c]);
      } else {
        for (std::ptrdiff_t r = 0; r < count - first; ++r) out[r] = of_tile[c][r];
      }
    }
  }
}

template <typename T>
void multiply(const StoredRows& rows, std::ptrdiff_t classes, MatrixBlock<const float> weights,
              MatrixBlock<float> products) {
  alignas(64) float block[kBlockFeatures * kBlockRows];
  const T* const* const stored = reinterpret_cast<const T* const*>(rows.rows);
  if (classes <= kFewClasses) {
    for_each_class_tile(classes, [&](std::ptrdiff_t c, auto tile_classes) {
      multiply_tile<tile_classes>(stored, rows.count, rows.features, rows.zero_point,
                                  from(weights, c, 0), from(products, c, 0));
    });
    return;
  }
  for_each_row_block(rows.count, [&](std::ptrdiff_t first, std::ptrdiff_t count) {
    for (std::ptrdiff_t feature = 0; feature < rows.features; feature += kBlockFeatures) {
      const std::ptrdiff_t features = smaller(kBlockFeatures, rows.features - feature);
      pack_transposed(stored + first, count, feature, features, rows.zero_point, block);
      update_matrix(classes, from(weights, 0, feature), features, {block, kBlockRows}, count,
                    {from(products, 0, first), 1, feature == 0 ? 0.0F : 1.0F});
    }
  });
}

template <typename T>
void gradient(const StoredRows& rows, std::ptrdiff_t classes, std::ptrdiff_t first_feature,
              MatrixBlock<const float> logit_gradients, const Update& weights) {
  alignas(64) float block[kBlockRows * kBlockFeatures];
  const T* const* const stored = reinterpret_cast<const T* const*>(rows.rows);
  const std::ptrdiff_t features = smaller(kBlockFeatures, rows.features - first_feature);
  for_each_row_block(rows.count, [&](std::ptrdiff_t first, std::ptrdiff_t count) {
    pack(stored + first, count, first_feature, features, rows.zero_point, block);
    update_matrix(
        classes, from(logit_gradients, 0, first), count, {block, kBlockFeatures}, features,
        {from(weights.matrix, 0, first_feature), weights.factor, first == 0 ? weights.keep : 1});
  });
}

void softmax(std::ptrdiff_t rows, std::ptrdiff_t classes, float scale, const float* biases,
             MatrixBlock<float> products, float* maxima, float* sums) {
  for (std::ptrdiff_t i = 0; i < rows; i += kLanes) {
    const auto at = [&](std::ptrdiff_t c) { return products.values + c * products.stride + i; };
    const auto logits = [&](std::ptrdiff_t c) { return load(at(c)) * scale + biases[c]; };
    Vector maximum = logits(0);
    for (std::ptrdiff_t c = 1; c < classes; ++c) maximum = larger(logits(c), maximum);
    Vector sum = {};
    for (std::ptrdiff_t c = 0; c < classes; ++c) {
      const Vector exponentials = exp_of_nonpositive(logits(c) - maximum);
      sum += exponentials;
      store(at(c), exponentials);
    }
    store(maxima + i, maximum);
    store(sums + i, sum);
    const Vector inverse = 1.0F / sum;
    for (std::ptrdiff_t c = 0; c < classes; ++c) store(at(c), load(at(c)) * inverse);
  }
}

void combine(std::ptrdiff_t size, float a, const float* x, float b, float* y) {
  for (std::ptrdiff_t i = 0; i < size; i += kLanes) store(y + i, a * load(x + i) + b * load(y + i));
}

}  // namespace

extern const Kernels CORAL_LEARN_KERNELS;
const Kernels CORAL_LEARN_KERNELS = {
    CORAL_LEARN_STRING(CORAL_LEARN_INSTRUCTION_SET),
    {multiply<float>, multiply<std::uint8_t>, multiply<std::int8_t>},
    {gradient<float>, gradient<std::uint8_t>, gradient<std::int8_t>},
    softmax,
    combine,
};

}  // namespace coral_learn
