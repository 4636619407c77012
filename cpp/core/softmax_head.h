#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "core/padded.h"

namespace coral_learn {

// The last layer of a classifier: logits = weights * embedding + biases. Training changes a head in
// place.
struct SoftmaxHead {
  PaddedMatrix weights;       // [C, D]
  std::vector<float> biases;  // [C]

  // Weights and biases of zero.
  SoftmaxHead(std::ptrdiff_t classes, std::ptrdiff_t features)
      : weights(classes, features), biases(classes) {}

  // Copies weights [C, D] and biases [C].
  SoftmaxHead(std::ptrdiff_t classes, std::ptrdiff_t features, const float* from_weights,
              const float* from_biases)
      : SoftmaxHead(classes, features) {
    for (std::ptrdiff_t c = 0; c < classes; ++c) {
      std::copy_n(from_weights + c * features, features, weights.row(c));
    }
    std::copy_n(from_biases, classes, biases.data());
  }

  void copy_to(float* to_weights, float* to_biases) const {
    for (std::ptrdiff_t c = 0; c < classes(); ++c) {
      std::copy_n(weights.row(c), features(), to_weights + c * features());
    }
    std::copy_n(biases.data(), classes(), to_biases);
  }

  // The padding is zero in both.
  bool operator==(const SoftmaxHead& other) const {
    return std::equal(weights.data(), weights.data() + weights.size(), other.weights.data()) &&
           biases == other.biases;
  }

  // Whether no weight or bias is NaN or infinite.
  bool is_finite() const {
    const auto finite = [](float value) { return std::isfinite(value); };
    return std::all_of(weights.data(), weights.data() + weights.size(), finite) &&
           std::all_of(biases.begin(), biases.end(), finite);
  }

  std::ptrdiff_t classes() const { return weights.rows(); }
  std::ptrdiff_t features() const { return weights.columns(); }
};

}  // namespace coral_learn
