// The three loops of a convolution by Winograd's products, over a block of tiles; winograd.cpp cuts
// the images into blocks.
//
// A tile is 2 x 2 numbers of the output for each filter, computed from 4 x 4 of the input. Turned
// into 16 others and back by additions, they take 16 products where the plain sum takes 36.

#pragma once

#include "lanes.h"

#include <algorithm>

namespace torchbook {

// Products of a tile, its numbers along one axis, and how far it lies from the next one.
constexpr int64_t PRODUCTS = 16, TILE = 4, STEP = 2;
// Tiles whose numbers stay, with the kernel, in the second nearest cache.
constexpr int64_t TILES_AT_ONCE = 48;
// What a processor with 32 registers of 16 numbers keeps in them.
constexpr int64_t ROWS_IN_REGISTERS = 12, FILTERS_IN_REGISTERS = 2 * LANES;

struct Tiles {
  int64_t rows, columns, channels, filters; // of an image
  int64_t down, across;                     // positions of the output
  int64_t above, before;                    // zeros around the image
  bool relu;
  const float *images, *kernel, *bias; // the kernel as `turned_kernel` has written it
  float *output;

  int64_t tiles_down() const { return (down + STEP - 1) / STEP; }
  int64_t tiles_across() const { return (across + STEP - 1) / STEP; }
  // One line of the cache more than needed: at distances of 4096 bytes the caches keep few lines.
  int64_t turned_length() const { return TILES_AT_ONCE * channels + LANES; }
  int64_t product_length() const { return TILES_AT_ONCE * filters + LANES; }
  int64_t room() const { return PRODUCTS * (turned_length() + product_length()); }
};

struct Place {
  int64_t image, row, column; // the first position of the output
};

TORCHBOOK_INLINE Place place_of(const Tiles &t, int64_t tile) {
  const int64_t each = t.tiles_down() * t.tiles_across(), inside = tile % each;
  return {tile / each, inside / t.tiles_across() * STEP, inside % t.tiles_across() * STEP};
}

// Bᵀ d B for the tile's numbers d of sixteen channels.
TORCHBOOK_INLINE void turn_tile(const Tiles &t, const Place &place, int64_t channel, float *to) {
  Lanes d[TILE][TILE], half[TILE][TILE];
  const int64_t top = place.row - t.above, left = place.column - t.before;
  const float *image = t.images + place.image * t.rows * t.columns * t.channels + channel;
#pragma GCC unroll 4
  for (int i = 0; i < TILE; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < TILE; ++j) {
      const int64_t row = top + i, column = left + j;
      d[i][j] = Lanes{};
      if (row >= 0 && row < t.rows && column >= 0 && column < t.columns) {
        load(image + (row * t.columns + column) * t.channels, LANES, d[i][j]);
      }
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < TILE; ++j) {
    half[0][j] = d[0][j] - d[2][j];
    half[1][j] = d[1][j] + d[2][j];
    half[2][j] = d[2][j] - d[1][j];
    half[3][j] = d[1][j] - d[3][j];
  }
#pragma GCC unroll 4
  for (int i = 0; i < TILE; ++i) {
    float *line = to + i * TILE * t.turned_length() + channel;
    store(line, LANES, half[i][0] - half[i][2]);
    store(line + t.turned_length(), LANES, half[i][1] + half[i][2]);
    store(line + 2 * t.turned_length(), LANES, half[i][2] - half[i][1]);
    store(line + 3 * t.turned_length(), LANES, half[i][1] - half[i][3]);
  }
}

// products = turned · kernel, for some tiles and filters.
TORCHBOOK_INLINE void multiply(const float *turned, const float *kernel, int64_t channels,
                               int64_t filters, float *products) {
  Lanes sums[ROWS_IN_REGISTERS][2] = {};
  for (int64_t channel = 0; channel < channels; ++channel) {
    Lanes first, second;
    load(kernel + channel * FILTERS_IN_REGISTERS, LANES, first);
    load(kernel + channel * FILTERS_IN_REGISTERS + LANES, LANES, second);
#pragma GCC unroll 12
    for (int row = 0; row < ROWS_IN_REGISTERS; ++row) {
      const float number = turned[row * channels + channel];
      sums[row][0] += first * number;
      sums[row][1] += second * number;
    }
  }
#pragma GCC unroll 12
  for (int row = 0; row < ROWS_IN_REGISTERS; ++row) {
    store(products + row * filters, LANES, sums[row][0]);
    store(products + row * filters + LANES, LANES, sums[row][1]);
  }
}

// Aᵀ m A for the tile's products m of sixteen filters, with bias and ReLU.
TORCHBOOK_INLINE void turn_back(const Tiles &t, const Place &place, int64_t filter,
                                const float *from) {
  Lanes half[STEP][TILE], bias = {};
#pragma GCC unroll 4
  for (int j = 0; j < TILE; ++j) {
    Lanes m[TILE];
#pragma GCC unroll 4
    for (int i = 0; i < TILE; ++i) {
      load(from + (i * TILE + j) * t.product_length() + filter, LANES, m[i]);
    }
    half[0][j] = m[0] + m[1] + m[2];
    half[1][j] = m[1] - m[2] - m[3];
  }
  if (t.bias != nullptr) {
    load(t.bias + filter, LANES, bias);
  }
#pragma GCC unroll 2
  for (int i = 0; i < STEP; ++i) {
    const int64_t row = place.row + i;
    Lanes y[STEP] = {half[i][0] + half[i][1] + half[i][2] + bias,
                     half[i][1] - half[i][2] - half[i][3] + bias};
#pragma GCC unroll 2
    for (int j = 0; j < STEP; ++j) {
      const int64_t column = place.column + j;
      if (row < t.down && column < t.across) {
        // What is not a number is not cut, as with libtorch.
        const auto cut = y[j] <= Lanes{};
        store(t.output + ((place.image * t.down + row) * t.across + column) * t.filters + filter,
              LANES, t.relu ? (cut ? Lanes{} : y[j]) : y[j]);
      }
    }
  }
}

// The outputs of `count` tiles, no more than TILES_AT_ONCE, in `room` of that many numbers.
TORCHBOOK_INLINE void compute_tiles(const Tiles &t, int64_t first, int64_t count, float *room) {
  float *turned = room, *products = room + PRODUCTS * t.turned_length();
  for (int64_t tile = 0; tile < count; ++tile) {
    const Place place = place_of(t, first + tile);
    for (int64_t channel = 0; channel < t.channels; channel += LANES) {
      turn_tile(t, place, channel, turned + tile * t.channels);
    }
  }
  for (int64_t product = 0; product < PRODUCTS; ++product) {
    const float *numbers = turned + product * t.turned_length();
    float *sums = products + product * t.product_length();
    for (int64_t filter = 0; filter < t.filters; filter += FILTERS_IN_REGISTERS) {
      const float *kernel = t.kernel + (product * t.filters + filter) * t.channels;
      for (int64_t tile = 0; tile < count; tile += ROWS_IN_REGISTERS) {
        multiply(numbers + tile * t.channels, kernel, t.channels, t.filters,
                 sums + tile * t.filters + filter);
      }
    }
  }
  for (int64_t tile = 0; tile < count; ++tile) {
    const Place place = place_of(t, first + tile);
    for (int64_t filter = 0; filter < t.filters; filter += LANES) {
      turn_back(t, place, filter, products + tile * t.filters);
    }
  }
}

} // namespace torchbook
