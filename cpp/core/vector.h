// A vector of floats as wide as the registers of the instruction set that this is compiled for,
// written with the vector extensions of GCC and Clang. Only kernels.cc may include this file, and
// says why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace coral_learn {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16;
constexpr int kRegisters = 32;
#else
constexpr int kVectorBytes = 16;
constexpr int kRegisters = 16;
#endif

constexpr int kLanes = kVectorBytes / sizeof(float);

using Vector = float __attribute__((vector_size(kVectorBytes)));
using IntVector = std::int32_t __attribute__((vector_size(kVectorBytes)));

inline Vector load(const float* from) {
  Vector vector;
  __builtin_memcpy(&vector, from, sizeof vector);
  return vector;
}

inline void store(float* to, Vector vector) { __builtin_memcpy(to, &vector, sizeof vector); }

// Loads kLanes integers as floats. Compilers generate slow code for __builtin_convertvector here.
#if defined(__AVX512F__)
inline Vector load(const std::uint8_t* from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)from)));
}
inline Vector load(const std::int8_t* from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)from)));
}
#elif defined(__AVX2__)
inline Vector load(const std::uint8_t* from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)from)));
}
inline Vector load(const std::int8_t* from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from)));
}
#elif defined(__SSE2__)
inline Vector load(const std::uint8_t* from) {
  int four = 0;
  __builtin_memcpy(&four, from, sizeof four);
  const __m128i zero = _mm_setzero_si128();
  const __m128i shorts = _mm_unpacklo_epi8(_mm_cvtsi32_si128(four), zero);
  return _mm_cvtepi32_ps(_mm_unpacklo_epi16(shorts, zero));
}
inline Vector load(const std::int8_t* from) {
  int four = 0;
  __builtin_memcpy(&four, from, sizeof four);
  const __m128i bytes = _mm_cvtsi32_si128(four);
  const __m128i shorts = _mm_unpacklo_epi8(bytes, bytes);
  return _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(shorts, shorts), 24));
}
#elif defined(__aarch64__)
inline Vector load(const std::uint8_t* from) {
  std::uint32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}
inline Vector load(const std::int8_t* from) {
  std::uint32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))));
}
#else
using Uint8Vector = std::uint8_t __attribute__((vector_size(kLanes)));
using Int8Vector = std::int8_t __attribute__((vector_size(kLanes)));
inline Vector load(const std::uint8_t* from) {
  Uint8Vector bytes;
  __builtin_memcpy(&bytes, from, sizeof bytes);
  return __builtin_convertvector(bytes, Vector);
}
inline Vector load(const std::int8_t* from) {
  Int8Vector bytes;
  __builtin_memcpy(&bytes, from, sizeof bytes);
  return __builtin_convertvector(bytes, Vector);
}
#endif

// Loads `count` values and fills up with `rest`. Reads nothing beyond the values.
template <typename T>
inline Vector load_part(const T* from, std::ptrdiff_t count, T rest) {
  T values[kLanes];
  for (std::ptrdiff_t i = 0; i < kLanes; ++i) values[i] = i < count ? from[i] : rest;
  return load(values);
}

inline Vector broadcast(float value) { return value - Vector{}; }

inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }

#if defined(__clang__)
#define CORAL_LEARN_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define CORAL_LEARN_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, IntVector{__VA_ARGS__})
#endif

// Lane i, where bit `distance` of i is clear, is a[i] + a[i + distance]; where it is set, it is
// b[i] + b[i - distance].
template <int distance, int... i>
inline Vector fold(Vector a, Vector b, std::integer_sequence<int, i...>) {
  const Vector stay = CORAL_LEARN_SHUFFLE(a, b, ((i & distance) ? kLanes + i : i)...);
  const Vector move = CORAL_LEARN_SHUFFLE(a, b, ((i & distance) ? i : kLanes + i)...);
  return stay + CORAL_LEARN_SHUFFLE(move, move, (i ^ distance)...);
}

// Lane i of the result is the sum of the lanes of vectors[i]; the vectors are overwritten.
template <int distance = kLanes / 2>
inline Vector sum_each(Vector* vectors) {
  if constexpr (distance == 0) {
    return vectors[0];
  } else {
    for (int i = 0; i < distance; ++i) {
      vectors[i] = fold<distance>(vectors[i], vectors[i + distance],
                                  std::make_integer_sequence<int, kLanes>());
    }
    return sum_each<distance / 2>(vectors);
  }
}

// Exchanges parts of two vectors: one stage of transpose(). Four lanes and more apart, blocks of
// lanes are exchanged. Below that, the lanes of each four are interleaved, because SSE and AVX have
// one instruction for it.
template <int distance, int... i>
inline void exchange(Vector& a, Vector& b, std::integer_sequence<int, i...>) {
  constexpr bool kBlocks = distance >= 4;
  const Vector low = CORAL_LEARN_SHUFFLE(a, b,
                                         (kBlocks ? (i & distance ? kLanes + i - distance : i)
                                                  : (i & ~3) + (i & 3) / 2 + (i & 1) * kLanes)...);
  b = CORAL_LEARN_SHUFFLE(a, b,
                          (kBlocks ? (i & distance ? kLanes + i : i + distance)
                                   : (i & ~3) + (i & 3) / 2 + 2 + (i & 1) * kLanes)...);
  a = low;
}

// Transposes a square of kLanes vectors.
template <int distance = kLanes / 2>
inline void transpose(Vector* rows) {
  if constexpr (distance > 0) {
    for (int i = 0; i < kLanes; ++i) {
      if ((i & distance) != 0) continue;
      exchange<distance>(rows[i], rows[i + distance], std::make_integer_sequence<int, kLanes>());
    }
    transpose<distance / 2>(rows);
  }
}

// exp(x) for x <= 0, within 2 units in the last place; 0 if the result would be subnormal; NaN
// for NaN. x = n ln 2 + r with n an integer; exp(r) = 1 + r + r^2 p(r), and p is the minimax
// polynomial on |r| <= ln 2 / 2.
inline Vector exp_of_nonpositive(Vector x) {
  constexpr float kMinInput = -87.33654F;  // log of the smallest normal float
  constexpr float kRound = 12582912.0F;    // 1.5 * 2^23: adding it rounds to an integer
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;  // their sum is ln 2
  const Vector clamped = x < kMinInput ? broadcast(kMinInput) : x;
  const Vector shifted = clamped * kLog2E + kRound;
  const Vector n = shifted - kRound;
  const Vector r = clamped - n * kLn2High - n * kLn2Low;
  Vector p = r * 0.0013814540F + 0.0083687454F;
  p = p * r + 0.0416683890F;
  p = p * r + 0.1666652113F;
  p = p * r + 0.4999999404F;
  const Vector exp_r = p * r * r + r + 1.0F;
  const IntVector power = ((IntVector)shifted + 127) << 23;  // 2^n; the high bits are shifted out
  return x < kMinInput ? Vector{} : exp_r * (Vector)power;
}

}  // namespace
}  // namespace coral_learn
