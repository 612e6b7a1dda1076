// The three matrix products on libtorch's threads; the loops are narrow_loops.h's.

#include "narrow_products.h"

#include "narrow_loops.h"
#include "parallel.h"

#include <ATen/ops/empty.h>
#include <c10/util/BFloat16.h>

namespace torchbook {

using at::Tensor;

#ifdef TORCHBOOK_NARROW_PRODUCTS

namespace {

// Up to here memory is what a step waits for; beyond, libtorch's products are as fast.
constexpr int64_t MOST_ROWS = 64, FEWEST_FEATURES = 1024, MOST_UNITS = 1024;
// Blocks of features that are worth a thread.
constexpr int64_t BLOCKS_OF_A_THREAD = 8;

bool processor_can() {
  static const bool can = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return can;
}

bool processor_knows_halves() {
  static const bool can = processor_can() && __builtin_cpu_supports("avx512bf16");
  return can;
}

Sizes sizes_of(const Tensor &x, const Tensor &kernel) {
  return {x.size(0), kernel.size(0), kernel.size(1)};
}

// Calls body(std::bool_constant) by whether numbers have 16 bits.
template <typename Body> auto by_kind(const Tensor &numbers, const Body &body) {
  return numbers.scalar_type() == at::kBFloat16 ? body(std::true_type()) : body(std::false_type());
}

template <bool HALVES> const NumberOf<HALVES> *numbers_of(const Tensor &tensor) {
  return static_cast<const NumberOf<HALVES> *>(tensor.const_data_ptr());
}

int64_t threads_of(const Sizes &s) { return threads_for(s.features / BLOCK, BLOCKS_OF_A_THREAD); }

// Calls body(first, last, thread) for parts of the features at once.
template <typename Body> void in_blocks(const Sizes &s, const Body &body) {
  in_parts(s.features / BLOCK, threads_of(s), [&](int64_t first, int64_t last, int64_t thread) {
    body(first * BLOCK, last * BLOCK, thread);
  });
}

// A gradient (rows, units) with two rows in a word where numbers have 16 bits.
template <bool HALVES> std::vector<Word> rows_as_words(const Sizes &s, const Tensor &gradient) {
  const auto *from = numbers_of<HALVES>(gradient);
  constexpr int64_t PER_WORD = NUMBERS_OF_A_WORD<HALVES>;
  std::vector<Word> words((s.rows + PER_WORD - 1) / PER_WORD * s.units);
  for (int64_t row = 0; row < s.rows; ++row) {
    for (int64_t unit = 0; unit < s.units; ++unit) {
      auto &word = words[row / PER_WORD * s.units + unit];
      if constexpr (HALVES) {
        word |= static_cast<Word>(from[row * s.units + unit]) << (row % 2 * 16);
      } else {
        std::memcpy(&word, from + row * s.units + unit, sizeof word);
      }
    }
  }
  return words;
}

template <typename Use>
void for_gradient_of_kernel(const Sizes &s, const Tensor &x, const Tensor &gradient,
                            const Use &use) {
  by_kind(x, [&](auto halves) {
    constexpr bool HALVES = decltype(halves)::value;
    const auto columns = rows_as_words<HALVES>(s, gradient);
    in_blocks(s, [&](int64_t first, int64_t last, int64_t) {
      multiply_turned<HALVES>(s, numbers_of<HALVES>(x), columns.data(), first, last, use);
    });
  });
}

} // namespace

bool has_narrow_products(at::ScalarType kind, int64_t rows, const Tensor &kernel) {
  const bool halves = kind == at::kBFloat16;
  return (halves ? processor_knows_halves() : processor_can() && kind == at::kFloat) &&
         kernel.scalar_type() == at::kFloat && rows > 0 && rows <= MOST_ROWS &&
         kernel.size(0) >= FEWEST_FEATURES && kernel.size(0) % BLOCK == 0 &&
         kernel.size(1) <= MOST_UNITS && kernel.size(1) % (LANES * REGISTERS) == 0;
}

Tensor narrow_product(const Tensor &x, const Tensor &kernel, const Tensor &bias) {
  const auto s = sizes_of(x, kernel);
  auto result = at::empty({s.rows, s.units}, x.options());
  const int64_t count = s.rows * s.units, threads = threads_of(s);
  std::vector<float> sums(count * threads);
  by_kind(x, [&](auto halves) {
    constexpr bool HALVES = decltype(halves)::value;
    const float *weights = kernel.const_data_ptr<float>();
    in_blocks(s, [&](int64_t first, int64_t last, int64_t thread) {
      multiply<HALVES>(s, numbers_of<HALVES>(x), weights, first, last,
                       sums.data() + thread * count);
    });
    using Number = std::conditional_t<HALVES, c10::BFloat16, float>;
    Number *to = result.mutable_data_ptr<Number>();
    const float *shift = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
    for (int64_t i = 0; i < count; i += LANES) {
      Lanes sum = {}, part = {};
      if (shift != nullptr) {
        load(shift + i % s.units, LANES, sum);
      }
      for (int64_t thread = 0; thread < threads; ++thread) {
        load(sums.data() + thread * count + i, LANES, part);
        sum += part;
      }
      store(to + i, LANES, sum);
    }
  });
  return result;
}

Tensor narrow_gradient_of_input(const Tensor &gradient, const Tensor &kernel) {
  const auto s = sizes_of(gradient, kernel);
  auto result = at::empty({s.rows, s.features}, gradient.options());
  by_kind(gradient, [&](auto halves) {
    constexpr bool HALVES = decltype(halves)::value;
    const int64_t words = s.units / NUMBERS_OF_A_WORD<HALVES>;
    const int64_t padded = (s.rows + 2 * LANES - 1) / (2 * LANES) * (2 * LANES);
    std::vector<Word> turned(words * padded);
    const auto *from = static_cast<const Word *>(gradient.const_data_ptr());
    for (int64_t row = 0; row < s.rows; ++row) {
      for (int64_t k = 0; k < words; ++k) {
        turned[k * padded + row] = from[row * words + k];
      }
    }
    auto *to = static_cast<NumberOf<HALVES> *>(result.mutable_data_ptr());
    const float *weights = kernel.const_data_ptr<float>();
    in_blocks(s, [&](int64_t first, int64_t last, int64_t) {
      multiply_by_turned<HALVES>(s, turned.data(), padded, weights, first, last, to);
    });
  });
  return result;
}

Tensor narrow_gradient_of_kernel(const Tensor &x, const Tensor &gradient) {
  const Sizes s{x.size(0), x.size(1), gradient.size(1)};
  auto result = at::empty({s.features, s.units}, x.options().dtype(at::kFloat));
  for_gradient_of_kernel(s, x, gradient, Keep{result.mutable_data_ptr<float>()});
  return result;
}

void narrow_adam(const Tensor &x, const Tensor &gradient, const Tensor &kernel,
                 const Tensor &means, const Tensor &squares, const AdamNumbers &n) {
  const AdamStep step{kernel.mutable_data_ptr<float>(),    means.mutable_data_ptr<float>(),
                      squares.mutable_data_ptr<float>(),   static_cast<float>(n.follow),
                      static_cast<float>(n.beta_2),        static_cast<float>(n.follow_square),
                      static_cast<float>(n.rate),          static_cast<float>(n.epsilon)};
  for_gradient_of_kernel(sizes_of(x, kernel), x, gradient, step);
}

#else

bool has_narrow_products(at::ScalarType, int64_t, const Tensor &) { return false; }

// Never called.
Tensor narrow_product(const Tensor &x, const Tensor &, const Tensor &) { return x; }
Tensor narrow_gradient_of_input(const Tensor &x, const Tensor &) { return x; }
Tensor narrow_gradient_of_kernel(const Tensor &x, const Tensor &) { return x; }
void narrow_adam(const Tensor &, const Tensor &, const Tensor &, const Tensor &, const Tensor &,
                 const AdamNumbers &) {}

#endif

} // namespace torchbook
