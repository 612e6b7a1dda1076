// The inner loops of narrow_products.cpp, for processors with AVX-512. They know of memory alone.
//
// All three products are of one form: numbers of a few rows, one after the other in every lane, times
// sixteen columns at once, added up in registers. A word is what a lane takes from each side: a
// number of 32 bits, or two neighbours of 16.

#pragma once

#if defined(__x86_64__) && defined(__gnu_linux__)
#define TORCHBOOK_NARROW_PRODUCTS

#include "transpose.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                    \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))),                \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")
#endif

namespace torchbook {
namespace {

// Written as numbers of 16 or 32 bits, too.
typedef uint32_t __attribute__((may_alias)) Word;

// Features that a thread takes at once, and that are turned over together.
constexpr int64_t BLOCK = 32;
// Rows and registers of columns whose sums fit into registers.
constexpr int ROWS = 4, REGISTERS = 4, SUMS = ROWS * REGISTERS;

template <bool HALVES> using NumberOf = std::conditional_t<HALVES, uint16_t, float>;
template <bool HALVES> constexpr int64_t NUMBERS_OF_A_WORD = HALVES ? 2 : 1;

template <bool HALVES> TORCHBOOK_INLINE __m512 multiply_add(__m512 sum, Word one, __m512i column) {
  const __m512i all = _mm512_set1_epi32(static_cast<int>(one));
  if constexpr (HALVES) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(all),
                            reinterpret_cast<__m512bh>(column));
  } else {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(all), _mm512_castsi512_ps(column), sum);
  }
}

// sums[r][c] += Σ over k of rows[r][k] · columns[k][c]. `beside(k)` runs between the multiplications,
// which leave the memory idle.
template <bool HALVES, int R, int C, typename Beside>
TORCHBOOK_INLINE void add_products(const Word *const (&rows)[R], const Word *columns,
                                   int64_t stride, int64_t words, __m512 (&sums)[R][C],
                                   const Beside &beside) {
  for (int64_t k = 0; k < words; ++k) {
    __m512i column[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      column[c] = _mm512_loadu_si512(columns + k * stride + LANES * c);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        sums[r][c] = multiply_add<HALVES>(sums[r][c], rows[r][k], column[c]);
      }
    }
    beside(k);
  }
}

struct Nothing {
  TORCHBOOK_INLINE void operator()(int64_t) const {}
};

// Asks for a line of memory with each call, so that what is multiplied next is there when it is needed.
struct Fetch {
  const float *&next;

  TORCHBOOK_INLINE void operator()(int64_t) const {
    _mm_prefetch(reinterpret_cast<const char *>(next), _MM_HINT_T1);
    next += LANES;
  }
};

TORCHBOOK_INLINE __m256i rounded(__m512 numbers) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(numbers));
}

// Numbers of two rows as words.
TORCHBOOK_INLINE __m512i side_by_side(__m256i first, __m256i second) {
  return _mm512_or_si512(_mm512_cvtepu16_epi32(first),
                         _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16));
}

// What the three products have in common: x (rows, features), kernel (features, units).
struct Sizes {
  int64_t rows, features, units;
};

// sums (rows, units) += the part of x · kernel that features first..last make.
template <bool HALVES>
void multiply(const Sizes &s, const NumberOf<HALVES> *x, const float *kernel, int64_t first,
              int64_t last, float *sums) {
  constexpr int64_t PER_WORD = NUMBERS_OF_A_WORD<HALVES>;
  std::vector<Word> packed(HALVES ? BLOCK / PER_WORD * s.units : 0);
  // From the end: what the optimizer has changed last is still near.
  for (int64_t feature = last - BLOCK; feature >= first; feature -= BLOCK) {
    constexpr int64_t words = BLOCK / PER_WORD;
    const float *from = kernel + feature * s.units;
    const Word *columns = reinterpret_cast<const Word *>(from);
    if constexpr (HALVES) {
      for (int64_t k = 0; k < words; ++k) {
        const float *upper = from + 2 * k * s.units, *lower = upper + s.units;
        for (int64_t unit = 0; unit < s.units; unit += LANES) {
          _mm512_storeu_si512(packed.data() + k * s.units + unit,
                              side_by_side(rounded(_mm512_loadu_ps(upper + unit)),
                                           rounded(_mm512_loadu_ps(lower + unit))));
        }
      }
      columns = packed.data();
    }
    const float *next = from - BLOCK * s.units;
    for (int64_t row = 0; row < s.rows; row += ROWS) {
      const Word *rows[ROWS];
      for (int r = 0; r < ROWS; ++r) {
        // Beyond the last row the last one again; its sums are not stored.
        const int64_t there = std::min(row + r, s.rows - 1);
        rows[r] = reinterpret_cast<const Word *>(x + there * s.features + feature);
      }
      for (int64_t unit = 0; unit < s.units; unit += LANES * REGISTERS) {
        __m512 products[ROWS][REGISTERS] = {};
        add_products<HALVES>(rows, columns + unit, s.units, words, products, Fetch{next});
        // Constant bounds: sums whose places were computed would not stay in registers.
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
          if (row + r >= s.rows) {
            break;
          }
#pragma GCC unroll 8
          for (int c = 0; c < REGISTERS; ++c) {
            float *to = sums + (row + r) * s.units + unit + LANES * c;
            _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), products[r][c]));
          }
        }
      }
    }
  }
}

// Features first..last of the input's gradient (rows, features): gradient · kernel turned over.
// `turned` are the gradient's words (units, rows), of which there are `padded`, some 32.
template <bool HALVES>
void multiply_by_turned(const Sizes &s, const Word *turned, int64_t padded, const float *kernel,
                        int64_t first, int64_t last, NumberOf<HALVES> *to) {
  using Number = NumberOf<HALVES>;
  constexpr int AT_ONCE = 8;
  std::vector<Number> halves(HALVES ? BLOCK * s.units : 0), block(BLOCK * s.rows);
  for (int64_t feature = first; feature < last; feature += BLOCK) {
    const float *from = kernel + feature * s.units;
    const Number *numbers = halves.data();
    if constexpr (HALVES) {
      for (int64_t i = 0; i < BLOCK * s.units; i += LANES) {
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(halves.data() + i),
                            rounded(_mm512_loadu_ps(from + i)));
      }
    } else {
      numbers = from;
    }
    const float *next = from + BLOCK * s.units;
    for (int64_t i = 0; i < BLOCK; i += AT_ONCE) {
      const Word *rows[AT_ONCE];
      for (int r = 0; r < AT_ONCE; ++r) {
        rows[r] = reinterpret_cast<const Word *>(numbers + (i + r) * s.units);
      }
      for (int64_t row = 0; row < s.rows; row += 2 * LANES) {
        __m512 products[AT_ONCE][2] = {};
        add_products<HALVES>(rows, turned + row, padded, s.units / NUMBERS_OF_A_WORD<HALVES>,
                             products, Fetch{next});
#pragma GCC unroll 8
        for (int r = 0; r < AT_ONCE; ++r) {
#pragma GCC unroll 8
          for (int c = 0; c < 2; ++c) {
            const int64_t there = row + LANES * c, count = s.rows - there;
            const __mmask16 those =
                count >= LANES ? 0xffff : count <= 0 ? 0 : (1u << count) - 1;
            Number *result = block.data() + (i + r) * s.rows + there;
            if constexpr (HALVES) {
              _mm256_mask_storeu_epi16(result, those, rounded(products[r][c]));
            } else {
              _mm512_mask_storeu_ps(result, those, products[r][c]);
            }
          }
        }
      }
    }
    using Register = std::conditional_t<HALVES, Halves, Lanes>;
    using Places = std::conditional_t<HALVES, Halves, Bits>;
    transpose<Register, Places>(block.data(), s.rows, 0, BLOCK, s.rows, s.features, to + feature);
  }
}

// What is done with sixteen numbers of the kernel's gradient: they are kept,
struct Keep {
  float *to;

  TORCHBOOK_INLINE void operator()(const float *gradient, int64_t at) const {
    _mm512_storeu_ps(to + at, _mm512_loadu_ps(gradient));
  }
};

// or Adam takes a step along them.
struct AdamStep {
  // Numbers that are asked for before they are needed.
  static constexpr int64_t AHEAD = 1024;
  float *weights, *means, *squares;
  // 1 - β₁, β₂, 1 - β₂, the step's size with both corrections, and Keras's ε.
  float follow, beta_2, follow_square, rate, epsilon;

  TORCHBOOK_INLINE void operator()(const float *gradient, int64_t at) const {
    for (const float *numbers : {weights, means, squares}) {
      _mm_prefetch(reinterpret_cast<const char *>(numbers + at + AHEAD), _MM_HINT_T0);
    }
    const __m512 slope = _mm512_loadu_ps(gradient);
    __m512 mean = _mm512_loadu_ps(means + at), square = _mm512_loadu_ps(squares + at);
    mean = _mm512_fmadd_ps(_mm512_sub_ps(slope, mean), _mm512_set1_ps(follow), mean);
    square = _mm512_fmadd_ps(square, _mm512_set1_ps(beta_2),
                             _mm512_mul_ps(_mm512_mul_ps(slope, slope),
                                           _mm512_set1_ps(follow_square)));
    const __m512 length = _mm512_add_ps(_mm512_sqrt_ps(square), _mm512_set1_ps(epsilon));
    const __m512 step = _mm512_div_ps(_mm512_mul_ps(mean, _mm512_set1_ps(rate)), length);
    const __m512 weight = _mm512_sub_ps(_mm512_loadu_ps(weights + at), step);
    _mm512_storeu_ps(means + at, mean);
    _mm512_storeu_ps(squares + at, square);
    _mm512_storeu_ps(weights + at, weight);
  }
};

// Calls use(numbers, place) for all of features first..last of the kernel's gradient (features,
// units): x turned over · gradient, sixteen at a time. `columns` are the gradient's words (rows, units).
//
// Sums of one tile are used while those of the next are computed: the one waits for memory, the other
// for nothing.
template <bool HALVES, typename Use>
void multiply_turned(const Sizes &s, const NumberOf<HALVES> *x, const Word *columns, int64_t first,
                     int64_t last, const Use &use) {
  using Number = NumberOf<HALVES>;
  constexpr int64_t PER_WORD = NUMBERS_OF_A_WORD<HALVES>;
  const int64_t words = (s.rows + PER_WORD - 1) / PER_WORD, padded = words * PER_WORD;
  std::vector<Number> turned(BLOCK * padded);
  alignas(64) float kept[2][SUMS * LANES];
  int64_t place = -1;
  int now = 0;
  const auto use_one = [&](int64_t k) __attribute__((always_inline)) {
    use(kept[1 - now] + LANES * k,
        place + k / REGISTERS * s.units + k % REGISTERS * LANES);
  };
  for (int64_t feature = first; feature < last; feature += BLOCK) {
    using Register = std::conditional_t<HALVES, Halves, Lanes>;
    using Places = std::conditional_t<HALVES, Halves, Bits>;
    transpose<Register, Places>(x + feature, s.features, 0, s.rows, BLOCK, padded, turned.data());
    for (int64_t i = 0; i < BLOCK; i += ROWS) {
      const Word *rows[ROWS];
      for (int r = 0; r < ROWS; ++r) {
        rows[r] = reinterpret_cast<const Word *>(turned.data() + (i + r) * padded);
      }
      for (int64_t unit = 0; unit < s.units; unit += LANES * REGISTERS) {
        __m512 products[ROWS][REGISTERS] = {};
        if (place >= 0 && words >= SUMS) {
          add_products<HALVES>(rows, columns + unit, s.units, SUMS, products, use_one);
        } else {
          for (int64_t k = 0; k < SUMS && place >= 0; ++k) {
            use_one(k);
          }
        }
        const int64_t done = place >= 0 && words >= SUMS ? SUMS : 0;
        const Word *rest[ROWS];
        for (int r = 0; r < ROWS; ++r) {
          rest[r] = rows[r] + done;
        }
        add_products<HALVES>(rest, columns + done * s.units + unit, s.units, words - done,
                             products, Nothing());
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 8
          for (int c = 0; c < REGISTERS; ++c) {
            _mm512_store_ps(kept[now] + LANES * (r * REGISTERS + c), products[r][c]);
          }
        }
        place = (feature + i) * s.units + unit;
        now = 1 - now;
      }
    }
  }
  for (int64_t k = 0; k < SUMS && place >= 0; ++k) {
    use_one(k);
  }
}

} // namespace
} // namespace torchbook

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
