#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace coral_learn {

enum class StoredType {
  kFloat32,
  kUint8,
  kInt8
};  // the values are indices into the tables of kernels

// N x D embeddings, row-major, in the type that the extractor gave them. Feature j of row i is
// (values[i * features + j] - zero_point) * scale; float32 has scale 1 and zero point 0.
struct EmbeddingView {
  const void* values;
  StoredType type;
  std::ptrdiff_t rows;
  std::ptrdiff_t features;
  float scale = 1;
  float zero_point = 0;

  const void* row(std::ptrdiff_t index) const {
    const std::ptrdiff_t bytes = type == StoredType::kFloat32 ? sizeof(float) : 1;
    return static_cast<const char*>(values) + index * features * bytes;
  }
};

// Embeddings and the class of each row, in [0, C).
struct LabeledEmbeddings {
  EmbeddingView embeddings;
  const std::int32_t* labels;
};

// The error that an embedding holds NaN or infinity.
class NonFiniteEmbedding : public std::invalid_argument {
 public:
  explicit NonFiniteEmbedding(std::ptrdiff_t row)
      : std::invalid_argument("embeddings must be finite float32 numbers: row " +
                              std::to_string(row) + " holds NaN or infinity") {}
};

}  // namespace coral_learn
