#pragma once

namespace coral_learn {

// What an x86-64 processor can run, and the operating system saves the registers of.
struct X86Features {
  bool avx2;    // with FMA
  bool avx512;  // F, BW, DQ and VL
};

X86Features x86_features();

}  // namespace coral_learn
