// Turning a matrix over, sixteen rows and columns at a time in registers.

#pragma once

#include "lanes.h"

namespace torchbook {

// The first or the last halves of two registers, number by number in turn.
#if defined(__clang__)
#define TORCHBOOK_ZIP_LOW(a, b)                                                                  \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define TORCHBOOK_ZIP_HIGH(a, b)                                                                 \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#else
#define TORCHBOOK_ZIP_LOW(a, b)                                                                  \
  __builtin_shuffle(a, b, Places{0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23})
#define TORCHBOOK_ZIP_HIGH(a, b)                                                                 \
  __builtin_shuffle(a, b, Places{8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31})
#endif

// Writes rows first..last of `from` (…, width), which begin `stride` numbers apart, as columns of `to`
// (width, height). Numbers are those of Register, of which Places names some.
template <typename Register, typename Places, typename Number>
TORCHBOOK_INLINE void transpose(const Number *from, int64_t stride, int64_t first, int64_t last,
                                int64_t width, int64_t height, Number *to) {
  int64_t row = first;
  for (; row + LANES <= last; row += LANES) {
    int64_t column = 0;
    for (; column + LANES <= width; column += LANES) {
      Register tile[LANES], mixed[LANES];
      for (int i = 0; i < LANES; ++i) {
        std::memcpy(&tile[i], from + (row + i) * stride + column, sizeof(Register));
      }
      // A number's place has four bits for its row and four for its column. Each round moves one
      // bit of the row to the other end of the column.
      for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < LANES / 2; ++i) {
          mixed[2 * i] = TORCHBOOK_ZIP_LOW(tile[i], tile[i + LANES / 2]);
          mixed[2 * i + 1] = TORCHBOOK_ZIP_HIGH(tile[i], tile[i + LANES / 2]);
        }
        std::memcpy(tile, mixed, sizeof tile);
      }
      for (int i = 0; i < LANES; ++i) {
        std::memcpy(to + (column + i) * height + row, &tile[i], sizeof(Register));
      }
    }
    for (; column < width; ++column) {
      for (int i = 0; i < LANES; ++i) {
        to[column * height + row + i] = from[(row + i) * stride + column];
      }
    }
  }
  for (; row < last; ++row) {
    for (int64_t column = 0; column < width; ++column) {
      to[column * height + row] = from[row * stride + column];
    }
  }
}

} // namespace torchbook
