// This is what __builtin_cpu_supports finds out too, but that needs a library which Clang may lack
// on Windows. No other header is included: those of Windows may declare functions with the names of
// the macros in <cpuid.h>.
#include "core/x86_features.h"

#include <cpuid.h>

namespace coral_learn {
namespace {

constexpr unsigned kFma = 1U << 12, kOsSave = 1U << 27;      // leaf 1, ecx
constexpr unsigned kAvx2 = 1U << 5;                          // leaf 7, ebx
constexpr unsigned kF = 1U << 16, kDq = 1U << 17;            // leaf 7, ebx: AVX-512
constexpr unsigned kBw = 1U << 30, kVl = 1U << 31;           // leaf 7, ebx: AVX-512
constexpr unsigned kYmm = 0b110, kZmm = kYmm | 0b1110'0000;  // xcr0: saved registers

constexpr bool has_all(unsigned bits, unsigned wanted) { return (bits & wanted) == wanted; }

// Returns the register that says which other registers the operating system saves.
unsigned saved_registers() {
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

}  // namespace

X86Features x86_features() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || !has_all(ecx, kOsSave | kFma)) return {};
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return {};
  const unsigned saved = saved_registers();
#if defined(__APPLE__)
  const bool saves_zmm = true;  // from the first use on, and only then is it in xcr0
#else
  const bool saves_zmm = has_all(saved, kZmm);
#endif
  return {
      has_all(saved, kYmm) && has_all(ebx, kAvx2),
      has_all(saved, kYmm) && saves_zmm && has_all(ebx, kF | kDq | kBw | kVl),
  };
}

}  // namespace coral_learn
