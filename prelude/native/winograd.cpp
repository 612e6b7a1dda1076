// Convolutions with windows of 3 x 3 over many channels, in evaluation on the CPU, by Winograd's
// products; src/native/winograd.rs is the other side, winograd_loops.h has the loops.
//
// 16 products in the place of 36: oneDNN's convolutions, which libtorch calls, reach what the
// processor can multiply, and no plain sum is faster. Training's need another form and are libtorch's.

#include "guarded.h"
#include "parallel.h"
#include "winograd_loops.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

namespace torchbook {
namespace {

using at::Tensor;

// Channels times filters whose kernel stays in the second nearest cache beside the tiles.
constexpr int64_t LARGEST_KERNEL = 64 * 64;
// Blocks of tiles that are worth a thread.
constexpr int64_t BLOCKS_OF_A_THREAD = 2;

TORCHBOOK_EACH_PROCESSOR void run_block(const Tiles &tiles, int64_t first, int64_t count,
                                        float *room) {
  compute_tiles(tiles, first, count, room);
}

bool has_the_registers() {
#if defined(__x86_64__) && defined(__gnu_linux__)
  static const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
  return wide;
#else
  return false;
#endif
}

// G g Gᵀ for each channel and filter of a kernel (filters, channels, 3, 3), laid out as `multiply`
// reads it: (products, filters / 32, channels, 32).
Tensor turned_kernel(const Tensor &kernel) {
  const int64_t filters = kernel.size(0), channels = kernel.size(1);
  auto result = at::empty({PRODUCTS, filters, channels}, kernel.options());
  const float *g = kernel.const_data_ptr<float>();
  float *to = result.mutable_data_ptr<float>();
  const auto weighted = [](float a, float b, float c, int row) {
    return row == 0 ? a : row == 3 ? c : (a + (row == 1 ? b : -b) + c) / 2;
  };
  for (int64_t filter = 0; filter < filters; ++filter) {
    float *column = to + filter / FILTERS_IN_REGISTERS * FILTERS_IN_REGISTERS * channels +
                    filter % FILTERS_IN_REGISTERS;
    for (int64_t channel = 0; channel < channels; ++channel, g += 9) {
      for (int i = 0; i < TILE; ++i) {
        float line[3];
        for (int j = 0; j < 3; ++j) {
          line[j] = weighted(g[j], g[3 + j], g[6 + j], i);
        }
        for (int j = 0; j < TILE; ++j) {
          column[(i * TILE + j) * filters * channels + channel * FILTERS_IN_REGISTERS] =
              weighted(line[0], line[1], line[2], j);
        }
      }
    }
  }
  return result;
}

bool readable(const Tensor &tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous();
}

bool applies(const Tensor &images, const Tensor &kernel, const Tensor *bias) {
  return has_the_registers() && !at::GradMode::is_enabled() &&
         !at::autocast::is_autocast_enabled(at::kCPU) && images.dim() == 4 && kernel.dim() == 4 &&
         readable(images) && readable(kernel) && (bias == nullptr || readable(*bias)) &&
         kernel.size(2) == 3 && kernel.size(3) == 3 && images.size(3) == kernel.size(1) &&
         kernel.size(1) % LANES == 0 && kernel.size(0) % FILTERS_IN_REGISTERS == 0 &&
         kernel.size(0) * kernel.size(1) <= LARGEST_KERNEL && images.numel() > 0;
}

} // namespace
} // namespace torchbook

extern "C" {

// `*output` becomes the convolution of `images` (batch, rows, columns, channels), with `zeros`
// around them, with `kernel` (filters, channels, 3, 3), each number of it with a ReLU behind it if
// `relu`; `bias` may be null. It stays null where it does not apply.
char *torchbook_native_winograd(const at::Tensor *images, const at::Tensor *kernel,
                                const at::Tensor *bias, const int64_t *zeros, bool relu,
                                at::Tensor **output) {
  using namespace torchbook;
  return guarded([&] {
    if (!applies(*images, *kernel, bias)) {
      return;
    }
    Tiles tiles{};
    tiles.rows = images->size(1);
    tiles.columns = images->size(2);
    tiles.channels = images->size(3);
    tiles.filters = kernel->size(0);
    tiles.down = tiles.rows + 2 * zeros[0] - 2;
    tiles.across = tiles.columns + 2 * zeros[1] - 2;
    const int64_t count = images->size(0) * tiles.tiles_down() * tiles.tiles_across();
    if (tiles.down < 1 || tiles.across < 1 || count < TILES_AT_ONCE) {
      return;
    }
    tiles.above = zeros[0];
    tiles.before = zeros[1];
    tiles.relu = relu;
    const auto turned = turned_kernel(*kernel);
    auto result =
        at::empty({images->size(0), tiles.down, tiles.across, tiles.filters}, images->options());
    tiles.images = images->const_data_ptr<float>();
    tiles.kernel = turned.const_data_ptr<float>();
    tiles.bias = bias == nullptr ? nullptr : bias->const_data_ptr<float>();
    tiles.output = result.mutable_data_ptr<float>();
    const int64_t blocks = (count + TILES_AT_ONCE - 1) / TILES_AT_ONCE;
    const int64_t threads = threads_for(blocks, BLOCKS_OF_A_THREAD);
    // Zeros: the last block's rest is multiplied, too.
    auto rooms = at::zeros({threads, tiles.room()}, images->options());
    float *room = rooms.mutable_data_ptr<float>();
    in_parts(blocks, threads, [&](int64_t first, int64_t last, int64_t thread) {
      for (int64_t block = first; block < last; ++block) {
        const int64_t tile = block * TILES_AT_ONCE;
        run_block(tiles, tile, std::min(TILES_AT_ONCE, count - tile), room + thread * tiles.room());
      }
    });
    *output = new at::Tensor(result);
  });
}

} // extern "C"
