// Dense layers on the CPU that libtorch is not made for; src/native/dense.rs is the other side. Small
// ones are small_dense.h's, here are those of many features for a small batch.
//
// Its three matrix products are narrow_products.h's where the processor allows it. Elsewhere they are
// libtorch's, of which MKL is slow with one, the gradient of the input: few rows, many columns, the
// kernel turned over. Computed the other way round and turned over afterwards it takes half the time.

#include "factors.h"
#include "guarded.h"
#include "narrow_products.h"
#include "parallel.h"
#include "small_dense.h"
#include "transpose.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace torchbook {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Where turning over pays, measured with two threads.
constexpr int64_t MOST_ROWS = 48, FEWEST_FEATURES = 1024;
// Rows that are worth a thread.
constexpr int64_t ROWS_OF_A_THREAD = 512;

TORCHBOOK_EACH_PROCESSOR void turn(const float *from, int64_t first, int64_t last, int64_t width,
                                   int64_t height, float *to) {
  transpose<Lanes, Bits>(from, width, first, last, width, height, to);
}

TORCHBOOK_EACH_PROCESSOR void turn(const uint16_t *from, int64_t first, int64_t last,
                                   int64_t width, int64_t height, uint16_t *to) {
  transpose<Halves, Halves>(from, width, first, last, width, height, to);
}

// The transpose of a matrix that lies in memory without gaps, so, too.
Tensor turned(const Tensor &matrix) {
  const int64_t height = matrix.size(0), width = matrix.size(1);
  auto result = at::empty({width, height}, matrix.options());
  const auto each = [&](const auto *from, auto *to) {
    in_parts(height / LANES + 1, threads_for(height, ROWS_OF_A_THREAD),
             [&](int64_t first, int64_t last, int64_t) {
      turn(from, first * LANES, std::min(height, last * LANES), width, height, to);
    });
  };
  if (matrix.scalar_type() == at::kBFloat16) {
    each(static_cast<const uint16_t *>(matrix.const_data_ptr()),
         static_cast<uint16_t *>(result.mutable_data_ptr()));
  } else {
    each(matrix.const_data_ptr<float>(), result.mutable_data_ptr<float>());
  }
  return result;
}

// The gradient of the kernel, as factors if the step takes them.
Tensor of_kernel(const Tensor &rows, const Tensor &gradient, const Tensor &kernel) {
  auto *factors = factors_of_step();
  if (factors == nullptr || !kernel.is_leaf() || factors->will_change(rows) ||
      factors->will_change(gradient)) {
    return narrow_gradient_of_kernel(rows, gradient);
  }
  auto zeros = at::zeros({}, kernel.options()).expand(kernel.sizes());
  factors->products.push_back({kernel, rows, gradient, zeros});
  return zeros;
}

struct Dense : torch::autograd::Function<Dense> {
  static Tensor forward(AutogradContext *context, const Tensor &x, const Tensor &kernel,
                        const std::optional<Tensor> &bias, at::ScalarType kind) {
    const auto rows = x.to(kind);
    context->saved_data["bias"] = bias.has_value();
    if (has_narrow_products(kind, x.size(0), kernel)) {
      context->save_for_backward({x, kernel, rows, Tensor()});
      return narrow_product(rows, kernel, bias.value_or(Tensor()));
    }
    const auto matrix = kernel.to(kind);
    context->save_for_backward({x, kernel, rows, matrix});
    return bias.has_value() ? at::addmm(bias->to(kind), rows, matrix) : at::mm(rows, matrix);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &kernel = saved[1];
    const auto gradient = gradients[0].contiguous();
    const auto kind = gradient.scalar_type();
    const auto of_bias =
        context->saved_data["bias"].toBool() ? gradient.sum(0, false, at::kFloat) : Tensor();
    // Gradients of gradients need what came before the change of kind.
    const bool twice = at::GradMode::is_enabled();
    const bool narrow = !saved[3].defined() && !twice;
    const auto rows = twice ? x.to(kind) : saved[2];
    const auto matrix = twice ? kernel.to(kind) : saved[3];
    Tensor of_x;
    if (context->needs_input_grad(0)) {
      of_x = narrow  ? narrow_gradient_of_input(gradient, kernel)
             : twice ? at::mm(gradient, matrix.t())
                     : turned(at::mm(matrix, gradient.t()));
      of_x = of_x.to(x.scalar_type());
    }
    Tensor of_weights;
    if (context->needs_input_grad(1)) {
      of_weights = narrow ? of_kernel(rows, gradient, kernel)
                          : at::mm(rows.t(), gradient).to(kernel.scalar_type());
    }
    return {of_x, of_weights, of_bias, Tensor()};
  }
};

bool readable(const Tensor &tensor) {
  return tensor.device().is_cpu() && tensor.is_contiguous() &&
         (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
}

} // namespace
} // namespace torchbook

extern "C" {

// `*output` becomes x · kernel + bias for x (batch, features) and kernel (features, units); `bias` may
// be null. It stays null where libtorch's own way is as fast.
char *torchbook_native_dense(const at::Tensor *x, const at::Tensor *kernel,
                             const at::Tensor *bias, at::Tensor **output) {
  using namespace torchbook;
  return guarded([&] {
    if (!at::GradMode::is_enabled() || x->dim() != 2 || x->size(0) == 0 ||
        !readable(*x) || !readable(*kernel) ||
        kernel->dim() != 2 || kernel->size(0) != x->size(1) ||
        kernel->scalar_type() != at::kFloat ||
        (bias != nullptr && (!readable(*bias) || bias->scalar_type() != at::kFloat))) {
      return;
    }
    const bool autocast = at::autocast::is_autocast_enabled(at::kCPU);
    const auto kind = autocast ? at::autocast::get_autocast_dtype(at::kCPU) : at::kFloat;
    if ((kind != at::kFloat && kind != at::kBFloat16) || (!autocast && x->scalar_type() != kind)) {
      return;
    }
    const auto shift = bias == nullptr ? std::nullopt : std::optional<at::Tensor>(*bias);
    if (is_small_dense(x->size(0), *kernel)) {
      *output = new at::Tensor(small_dense(*x, *kernel, shift));
    } else if (x->size(1) >= FEWEST_FEATURES &&
               (x->size(0) <= MOST_ROWS || has_narrow_products(kind, x->size(0), *kernel))) {
      *output = new at::Tensor(Dense::apply(*x, *kernel, shift, kind));
    }
  });
}

} // extern "C"
