// The four passes of batch normalisation over rows of channels; batch_norm.cpp says which when.

#pragma once

#include "lanes.h"

#include <algorithm>

namespace torchbook {

// Rows that stay in the nearest cache, and whose sums are taken in 32 bits before they are added up
// in 64.
constexpr int64_t ROWS_AT_ONCE = 256;

enum class Pass {
  // sums += x - mean, products += (x - mean)²
  Moments,
  // out = (x - mean) * scale + beta, of which a ReLU leaves what is above 0
  Normalize,
  // sums += gradient, products += gradient * (x - mean), where a ReLU has not cut
  GradientSums,
  // out = scale * gradient - (x - mean) * back - offset
  GradientOfInput,
};

// What a pass reads and writes: rows of numbers, and one number for each channel.
template <typename Number> struct Rows {
  int64_t rows = 0, channels = 0;
  const Number *x = nullptr, *gradient = nullptr;
  Number *out = nullptr;
  const float *mean = nullptr, *scale = nullptr, *beta = nullptr, *back = nullptr,
              *offset = nullptr;
  double *sums = nullptr, *products = nullptr;
  bool relu = false;
};

template <Pass PASS, bool RELU, typename Number, typename Count>
TORCHBOOK_INLINE void tile(const Rows<Number> &r, int64_t first, int64_t rows, int64_t channel,
                           Count count) {
  Lanes mean = {}, scale = {}, beta = {}, back = {}, offset = {}, sum = {}, product = {};
  load(r.mean + channel, count, mean);
  if constexpr (PASS != Pass::Moments) {
    load(r.scale + channel, count, scale);
    load(r.beta + channel, count, beta);
  }
  if constexpr (PASS == Pass::GradientOfInput) {
    load(r.back + channel, count, back);
    load(r.offset + channel, count, offset);
  }
  for (int64_t row = first; row < first + rows; ++row) {
    const int64_t at = row * r.channels + channel;
    Lanes x = {}, gradient = {};
    load(r.x + at, count, x);
    x -= mean;
    // What is not a number is not cut, as with libtorch.
    const auto cut = x * scale + beta <= Lanes{};
    if constexpr (PASS == Pass::Moments) {
      sum += x;
      product += x * x;
    } else if constexpr (PASS == Pass::Normalize) {
      x = x * scale + beta;
      store(r.out + at, count, RELU ? (cut ? Lanes{} : x) : x);
    } else {
      load(r.gradient + at, count, gradient);
      gradient = RELU ? (cut ? Lanes{} : gradient) : gradient;
      if constexpr (PASS == Pass::GradientSums) {
        sum += gradient;
        product += gradient * x;
      } else {
        store(r.out + at, count, scale * gradient - x * back - offset);
      }
    }
  }
  if constexpr (PASS == Pass::Moments || PASS == Pass::GradientSums) {
    for (int lane = 0; lane < count; ++lane) {
      r.sums[channel + lane] += sum[lane];
      r.products[channel + lane] += product[lane];
    }
  }
}

template <Pass PASS, bool RELU, typename Number>
TORCHBOOK_INLINE void all_tiles(const Rows<Number> &r) {
  for (int64_t row = 0; row < r.rows; row += ROWS_AT_ONCE) {
    const int64_t rows = std::min(r.rows - row, ROWS_AT_ONCE);
    int64_t channel = 0;
    for (; channel + LANES <= r.channels; channel += LANES) {
      // A constant, so that the compiler sees whole registers.
      tile<PASS, RELU>(r, row, rows, channel, std::integral_constant<int, LANES>());
    }
    if (channel < r.channels) {
      tile<PASS, RELU>(r, row, rows, channel, static_cast<int>(r.channels - channel));
    }
  }
}

template <typename Number> TORCHBOOK_INLINE void run_pass(Pass pass, const Rows<Number> &r) {
  switch (pass) {
  case Pass::Moments:
    return all_tiles<Pass::Moments, false>(r);
  case Pass::Normalize:
    return r.relu ? all_tiles<Pass::Normalize, true>(r) : all_tiles<Pass::Normalize, false>(r);
  case Pass::GradientSums:
    return r.relu ? all_tiles<Pass::GradientSums, true>(r)
                  : all_tiles<Pass::GradientSums, false>(r);
  case Pass::GradientOfInput:
    return r.relu ? all_tiles<Pass::GradientOfInput, true>(r)
                  : all_tiles<Pass::GradientOfInput, false>(r);
  }
}

} // namespace torchbook
