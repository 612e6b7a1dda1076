// Convolutions of images with few numbers in a window, such as grey ones, as one matrix product on
// the CPU; src/native/convolution.rs is the other side.
//
// Each window becomes a row of a matrix, with a 1 behind it for the bias. libtorch's convolutions
// are made for many channels: with one they take three times as long, forward and backward.

#include "guarded.h"
#include "parallel.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cstring>
#include <vector>

namespace torchbook {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Up to here a row of the matrix is cheap to write and read again. With more, libtorch wins.
constexpr int64_t LARGEST_WINDOW = 64;
// Bytes that one instruction or two can copy: the first of these that are enough.
constexpr int64_t FEW_BYTES = 16, BYTES_AT_ONCE = 64;
// Rows of the matrix that are worth a thread.
constexpr int64_t ROWS_OF_A_THREAD = 256;

struct Windows {
  // Numbers of a window along rows and columns, and of an image.
  int64_t height, width, rows, columns, channels;
  std::array<int64_t, 2> strides, zeros;

  int64_t down() const { return (rows + 2 * zeros[0] - height) / strides[0] + 1; }
  int64_t across() const { return (columns + 2 * zeros[1] - width) / strides[1] + 1; }
  int64_t numbers() const { return height * width * channels; }
};

// Writes the window whose upper left corner is at (top, left), which may lie outside.
template <typename Number>
void write_window(const Number *image, const Windows &w, int64_t top, int64_t left, bool spill,
                  Number *to) {
  const int64_t piece = w.width * w.channels;
  const bool inside = left >= 0 && left + w.width <= w.columns;
  for (int64_t i = 0; i < w.height; ++i, to += piece) {
    const int64_t row = top + i;
    const Number *from = image + (row * w.columns + left) * w.channels;
    if (row < 0 || row >= w.rows) {
      std::memset(static_cast<void *>(to), 0, sizeof(Number) * piece);
    } else if (!inside) {
      for (int64_t j = 0; j < piece; ++j) {
        const int64_t column = left + j / w.channels;
        to[j] = column >= 0 && column < w.columns ? from[j] : Number(0);
      }
    } else if (spill) {
      // What is too much is written over by the next piece.
      if (sizeof(Number) * piece <= FEW_BYTES) {
        std::memcpy(static_cast<void *>(to), from, FEW_BYTES);
      } else {
        std::memcpy(static_cast<void *>(to), from, BYTES_AT_ONCE);
      }
    } else {
      std::memcpy(static_cast<void *>(to), from, sizeof(Number) * piece);
    }
  }
}

// A row for each window of each image, with `ones` a 1 at its end.
template <typename Number>
void write_windows(const Tensor &images, const Windows &w, bool ones, Tensor &matrix) {
  const Number *all = images.const_data_ptr<Number>();
  Number *rows = matrix.mutable_data_ptr<Number>();
  const int64_t length = w.numbers() + (ones ? 1 : 0), down = w.down(), across = w.across();
  const int64_t size = w.rows * w.columns * w.channels, count = images.size(0);
  // What is copied too much at the end of a line is read in the next image and written in the next
  // line, if these are long enough.
  const bool short_pieces = sizeof(Number) * w.width * w.channels <= BYTES_AT_ONCE &&
                            sizeof(Number) * size >= BYTES_AT_ONCE &&
                            sizeof(Number) * across * length >= BYTES_AT_ONCE;
  const int64_t lines = count * down;
  in_parts(lines, threads_for(lines, ROWS_OF_A_THREAD / across + 1),
           [&](int64_t first, int64_t last, int64_t) {
    for (int64_t line = first; line < last; ++line) {
      const int64_t image = line / down, top = line % down * w.strides[0] - w.zeros[0];
      // Neither beyond the last image nor into another thread's rows.
      const bool spill = short_pieces && image + 1 < count && line + 1 < last;
      Number *to = rows + line * across * length;
      for (int64_t column = 0; column < across; ++column, to += length) {
        write_window(all + image * size, w, top, column * w.strides[1] - w.zeros[1], spill, to);
        if (ones) {
          to[length - 1] = Number(1);
        }
      }
    }
  });
}

// (filters, channels, height, width) as (height · width · channels, filters), below it the bias.
template <typename Number>
void write_kernel(const Tensor &kernel, const Tensor &bias, const Windows &w, Tensor &matrix) {
  const int64_t filters = kernel.size(0), area = w.height * w.width;
  const float *from = kernel.const_data_ptr<float>();
  Number *to = matrix.mutable_data_ptr<Number>();
  for (int64_t filter = 0; filter < filters; ++filter) {
    for (int64_t channel = 0; channel < w.channels; ++channel) {
      for (int64_t place = 0; place < area; ++place) {
        to[(place * w.channels + channel) * filters + filter] = static_cast<Number>(*from++);
      }
    }
  }
  for (int64_t filter = 0; filter < filters && bias.defined(); ++filter) {
    to[area * w.channels * filters + filter] =
        static_cast<Number>(bias.const_data_ptr<float>()[filter]);
  }
}

struct Convolution : torch::autograd::Function<Convolution> {
  static Tensor forward(AutogradContext *context, const Tensor &images, const Tensor &kernel,
                        const std::optional<Tensor> &given_bias, const Windows &w) {
    const auto bias = given_bias.value_or(Tensor());
    const int64_t filters = kernel.size(0), length = w.numbers() + (bias.defined() ? 1 : 0);
    auto rows = at::empty({images.size(0) * w.down() * w.across(), length}, images.options());
    auto matrix = at::empty({length, filters}, images.options());
    if (images.scalar_type() == at::kBFloat16) {
      write_windows<c10::BFloat16>(images, w, bias.defined(), rows);
      write_kernel<c10::BFloat16>(kernel, bias, w, matrix);
    } else {
      write_windows<float>(images, w, bias.defined(), rows);
      write_kernel<float>(kernel, bias, w, matrix);
    }
    context->save_for_backward({rows});
    context->saved_data["kernel"] = kernel.sizes();
    return at::mm(rows, matrix).view({images.size(0), w.down(), w.across(), filters});
  }

  // By operations that have derivatives themselves.
  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto rows = context->get_saved_variables()[0];
    const auto shape = context->saved_data["kernel"].toIntVector();
    const int64_t filters = shape[0], numbers = shape[1] * shape[2] * shape[3];
    const auto all = at::mm(rows.t(), gradients[0].reshape({-1, filters})).to(at::kFloat);
    const auto of_kernel = all.narrow(0, 0, numbers)
                               .view({shape[2], shape[3], shape[1], filters})
                               .permute({3, 2, 0, 1})
                               .contiguous();
    const auto of_bias = rows.size(1) > numbers ? all.select(0, numbers) : Tensor();
    return {Tensor(), of_kernel, of_bias, Tensor()};
  }
};

bool readable(const Tensor &weight) {
  return weight.device().is_cpu() && weight.scalar_type() == at::kFloat && weight.is_contiguous();
}

} // namespace
} // namespace torchbook

extern "C" {

// `*output` becomes the convolution of `images` (batch, rows, columns, channels), with `zeros`
// around them, with `kernel` (filters, channels, height, width); `bias` may be null. It stays null
// where a matrix product does not pay, or where the images have gradients.
char *torchbook_native_convolution(const at::Tensor *images, const at::Tensor *kernel,
                                   const at::Tensor *bias, const int64_t *strides,
                                   const int64_t *zeros, at::Tensor **output) {
  using namespace torchbook;
  return guarded([&] {
    const bool learns = at::GradMode::is_enabled() && images->requires_grad();
    if (!images->device().is_cpu() || images->scalar_type() != at::kFloat ||
        !images->is_contiguous() || images->dim() != 4 || kernel->dim() != 4 || learns ||
        images->numel() == 0 || images->size(3) != kernel->size(1) || !readable(*kernel) ||
        (bias != nullptr && !readable(*bias))) {
      return;
    }
    const Windows windows{kernel->size(2), kernel->size(3),          images->size(1),
                          images->size(2), images->size(3),          {strides[0], strides[1]},
                          {zeros[0], zeros[1]}};
    if (windows.numbers() > LARGEST_WINDOW || windows.down() < 1 || windows.across() < 1) {
      return;
    }
    const bool halves = at::autocast::is_autocast_enabled(at::kCPU) &&
                        at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
    *output = new at::Tensor(Convolution::apply(
        halves ? images->to(at::kBFloat16) : *images, *kernel,
        bias == nullptr ? std::nullopt : std::optional<at::Tensor>(*bias), windows));
  });
}

} // extern "C"
