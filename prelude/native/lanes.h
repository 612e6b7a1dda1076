// Sixteen numbers at a time, in registers as wide as the processor has.

#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

// The compiler makes one version for each kind of processor; which one runs is decided when the
// library is loaded.
#if defined(__x86_64__) && defined(__gnu_linux__) && (defined(__clang__) || __GNUC__ >= 12)
#define TORCHBOOK_EACH_PROCESSOR                                                                 \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#elif defined(__x86_64__) && defined(__gnu_linux__)
// GCC 11 does not know those levels.
#define TORCHBOOK_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TORCHBOOK_EACH_PROCESSOR
#endif
// What such a function calls must be part of it, or it would be compiled for the oldest processor.
#define TORCHBOOK_INLINE inline __attribute__((always_inline))

namespace torchbook {

constexpr int LANES = 16;
typedef float Lanes __attribute__((vector_size(64)));
typedef uint32_t Bits __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));

TORCHBOOK_INLINE void load(const float *from, int count, Lanes &lanes) {
  std::memcpy(&lanes, from, sizeof(float) * count);
}

TORCHBOOK_INLINE void store(float *to, int count, const Lanes &lanes) {
  std::memcpy(to, &lanes, sizeof(float) * count);
}

TORCHBOOK_INLINE void load(const c10::BFloat16 *from, int count, Lanes &lanes) {
  Halves halves = {};
  std::memcpy(&halves, from, sizeof(uint16_t) * count);
  Bits bits = __builtin_convertvector(halves, Bits) << 16;
  std::memcpy(&lanes, &bits, sizeof lanes);
}

// To the nearest, halves to even, as c10 rounds.
TORCHBOOK_INLINE void store(c10::BFloat16 *to, int count, const Lanes &lanes) {
  Bits bits;
  std::memcpy(&bits, &lanes, sizeof bits);
  Bits rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  auto is_number = lanes == lanes;
  rounded = is_number ? rounded : Bits{} + 0x7fc0;
  Halves halves = __builtin_convertvector(rounded, Halves);
  std::memcpy(to, &halves, sizeof(uint16_t) * count);
}

} // namespace torchbook
