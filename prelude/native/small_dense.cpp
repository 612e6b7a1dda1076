// The loops of small dense layers. Units are filled up to whole registers.

#include "small_dense.h"

#include "lanes.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

namespace torchbook {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Multiplications that one thread does before two would have begun.
constexpr int64_t MOST_MULTIPLICATIONS = 1 << 16;
// Sums that are in registers at once.
constexpr int64_t AT_ONCE = 4;

// A matrix (height, width) in 32 bits whose rows fill whole registers.
struct Padded {
  int64_t height, width, stride;
  std::vector<float> numbers;

  Padded(int64_t height, int64_t width)
      : height(height), width(width), stride((width + LANES - 1) / LANES * LANES),
        numbers((height + AT_ONCE) * stride) {}

  template <typename Number> Padded(int64_t height, int64_t width, const Number *from)
      : Padded(height, width) {
    for (int64_t row = 0; row < height; ++row) {
      for (int64_t column = 0; column < width; ++column) {
        numbers[row * stride + column] = static_cast<float>(from[row * width + column]);
      }
    }
  }

  explicit Padded(const Tensor &matrix)
      : Padded(matrix.scalar_type() == at::kBFloat16
                   ? Padded(matrix.size(0), matrix.size(1),
                            matrix.const_data_ptr<c10::BFloat16>())
                   : Padded(matrix.size(0), matrix.size(1), matrix.const_data_ptr<float>())) {}

  Padded turned() const {
    Padded result(width, height);
    for (int64_t row = 0; row < height; ++row) {
      for (int64_t column = 0; column < width; ++column) {
        result.numbers[column * result.stride + row] = numbers[row * stride + column];
      }
    }
    return result;
  }

  Tensor tensor(at::ScalarType kind) const {
    auto result = at::empty({height, width}, at::TensorOptions(kind));
    const auto write = [&](auto *to) {
      for (int64_t row = 0; row < height; ++row) {
        for (int64_t column = 0; column < width; ++column) {
          to[row * width + column] = numbers[row * stride + column];
        }
      }
    };
    if (kind == at::kBFloat16) {
      write(result.mutable_data_ptr<c10::BFloat16>());
    } else {
      write(result.mutable_data_ptr<float>());
    }
    return result;
  }
};

// to += left · right. Rows of `left` and `to` have some behind them that may be read and written.
TORCHBOOK_EACH_PROCESSOR void multiply_add(const float *left, int64_t height, int64_t inner,
                                           int64_t left_stride, const float *right, int64_t stride,
                                           float *to) {
  for (int64_t row = 0; row < height; row += AT_ONCE) {
    for (int64_t column = 0; column < stride; column += LANES) {
      Lanes sums[AT_ONCE], numbers = {};
      for (int64_t i = 0; i < AT_ONCE; ++i) {
        load(to + (row + i) * stride + column, LANES, sums[i]);
      }
      for (int64_t k = 0; k < inner; ++k) {
        load(right + k * stride + column, LANES, numbers);
        for (int64_t i = 0; i < AT_ONCE; ++i) {
          sums[i] += left[(row + i) * left_stride + k] * numbers;
        }
      }
      for (int64_t i = 0; i < AT_ONCE; ++i) {
        store(to + (row + i) * stride + column, LANES, sums[i]);
      }
    }
  }
}

Padded product(const Padded &left, const Padded &right) {
  Padded result(left.height, right.width);
  multiply_add(left.numbers.data(), left.height, left.width, left.stride, right.numbers.data(),
               right.stride, result.numbers.data());
  return result;
}

struct SmallDense : torch::autograd::Function<SmallDense> {
  static Tensor forward(AutogradContext *context, const Tensor &x, const Tensor &kernel,
                        const std::optional<Tensor> &bias) {
    context->save_for_backward({x, kernel});
    context->saved_data["bias"] = bias.has_value();
    const Padded rows(x), weights(kernel);
    Padded result(rows.height, weights.width);
    const float *shift = bias.has_value() ? bias->const_data_ptr<float>() : nullptr;
    for (int64_t row = 0; row < result.height && shift != nullptr; ++row) {
      std::copy_n(shift, result.width, result.numbers.data() + row * result.stride);
    }
    multiply_add(rows.numbers.data(), rows.height, rows.width, rows.stride,
                 weights.numbers.data(), weights.stride, result.numbers.data());
    return result.tensor(at::kFloat);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &kernel = saved[1];
    const auto gradient = gradients[0].contiguous();
    const auto of_bias = context->saved_data["bias"].toBool() ? at::sum(gradient, 0) : Tensor();
    if (at::GradMode::is_enabled()) {
      // By operations that have derivatives themselves.
      return {at::mm(gradient, kernel.t()).to(x.scalar_type()),
              at::mm(x.to(at::kFloat).t(), gradient), of_bias};
    }
    const Padded slopes(gradient);
    Tensor of_x, of_kernel;
    if (context->needs_input_grad(0)) {
      of_x = product(slopes, Padded(kernel).turned()).tensor(x.scalar_type());
    }
    if (context->needs_input_grad(1)) {
      of_kernel = product(Padded(x).turned(), slopes).tensor(at::kFloat);
    }
    return {of_x, of_kernel, of_bias};
  }
};

} // namespace

bool is_small_dense(int64_t rows, const Tensor &kernel) {
  return rows * kernel.numel() <= MOST_MULTIPLICATIONS;
}

Tensor small_dense(const Tensor &x, const Tensor &kernel, const std::optional<Tensor> &bias) {
  return SmallDense::apply(x, kernel, bias);
}

} // namespace torchbook
