// Matrix products of a dense layer with many features for a small batch, where the processor has
// instructions for them: half of the time of such a step is these three products.
//
// x and gradients have 32 or 16 bits and the kernel always 32: what is multiplied is rounded on the way,
// so no copy of the kernel is made and none can be out of date. Sums have 32 bits.

#pragma once

#include <ATen/core/Tensor.h>

namespace torchbook {

// What the step of Adam is besides tensors: 1 - β₁, β₂, 1 - β₂, the step's size with the corrections for
// the number of steps, and Keras's ε.
struct AdamNumbers {
  double follow, beta_2, follow_square, rate, epsilon;
};

// Whether the functions below can be called for x (rows, features) of this kind and this kernel (features,
// units). All tensors lie on the CPU, without gaps.
bool has_narrow_products(at::ScalarType kind, int64_t rows, const at::Tensor &kernel);

// x · kernel + bias, of x's kind; the bias has 32 bits, if there is one.
at::Tensor narrow_product(const at::Tensor &x, const at::Tensor &kernel, const at::Tensor &bias);

// The gradient of x: gradient · kernel turned over, of the gradient's kind.
at::Tensor narrow_gradient_of_input(const at::Tensor &gradient, const at::Tensor &kernel);

// The gradient of the kernel: x turned over · gradient, in 32 bits.
at::Tensor narrow_gradient_of_kernel(const at::Tensor &x, const at::Tensor &gradient);

// A step of Adam along that gradient, which is never in memory as a whole.
void narrow_adam(const at::Tensor &x, const at::Tensor &gradient, const at::Tensor &kernel,
                 const at::Tensor &means, const at::Tensor &squares, const AdamNumbers &numbers);

} // namespace torchbook
