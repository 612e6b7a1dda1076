// Dense layers so small that libtorch's operations around their products take longer than these.

#pragma once

#include <ATen/core/Tensor.h>

namespace torchbook {

// Whether small_dense can be called for a batch (rows, features) of 32 or 16 bits and a kernel (features,
// units) of 32. All tensors lie on the CPU, without gaps.
bool is_small_dense(int64_t rows, const at::Tensor &kernel);

// x · kernel + bias in 32 bits, with gradients, on this thread.
at::Tensor small_dense(const at::Tensor &x, const at::Tensor &kernel,
                       const std::optional<at::Tensor> &bias);

} // namespace torchbook
