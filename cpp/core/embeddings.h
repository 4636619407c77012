#pragma once

#include <cstddef>
#include <cstdint>

namespace coral_learn {

enum class StoredType { kFloat32, kUint8, kInt8 };

// N x D embeddings, row-major, in the type that the extractor gave them. Feature j of row i is
// (values[i * features + j] - zero_point) * scale; float32 has scale 1 and zero point 0.
struct EmbeddingView {
  const void* values;
  StoredType type;
  std::ptrdiff_t rows;
  std::ptrdiff_t features;
  float scale = 1;
  float zero_point = 0;
};

// Embeddings with the class of each row, in [0, classes).
struct LabeledEmbeddings {
  EmbeddingView embeddings;
  const std::int32_t* labels;
};

}  // namespace coral_learn
