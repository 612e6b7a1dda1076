// Adam for a step that is recorded once and replayed: what changes from step to step is read from
// the device. prelude/src/native/recorded_adam.rs is the other side.

#include "guarded.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>

#include <vector>

namespace {

using Pointers = const at::Tensor *const *;

std::vector<at::Tensor> tensors(Pointers pointers, size_t count) {
  std::vector<at::Tensor> all;
  for (size_t i = 0; pointers != nullptr && i < count; i++) {
    all.push_back(*pointers[i]);
  }
  return all;
}

} // namespace

extern "C" {

// `parameter -= rate * mean / (sqrt(square) + epsilon)`, the averages moved before: `rate` has one
// element, into which the caller has put the corrections for the number of steps. libtorch's own are
// 1 because `steps`, one element, says that there were very many. `largest` is null without amsgrad.
char *torchbook_recorded_adam(size_t count, Pointers parameters, Pointers gradients, Pointers means,
                              Pointers squares, Pointers largest, const at::Tensor *rate,
                              const at::Tensor *steps, double beta_1, double beta_2,
                              double epsilon) {
  return guarded([&] {
    c10::AutoGradMode without_gradients(false);
    auto all = tensors(parameters, count);
    auto along = tensors(gradients, count);
    auto averages = tensors(means, count);
    auto of_squares = tensors(squares, count);
    auto largest_ones = tensors(largest, count);
    for (size_t i = 0; i < count; i++) {
      // The fused kernels run over raw memory and check nothing themselves.
      auto alike = [&](const at::Tensor &other) {
        TORCH_CHECK(other.sizes() == all[i].sizes() && other.strides() == all[i].strides() &&
                        other.scalar_type() == all[i].scalar_type() &&
                        other.device() == all[i].device() &&
                        other.is_non_overlapping_and_dense(),
                    "Adam: expected tensors like their parameter, ", all[i].sizes(),
                    ", without gaps, received ", other.sizes());
      };
      if (along[i].sizes() == all[i].sizes() && along[i].strides() != all[i].strides()) {
        along[i] = at::empty_like(all[i]).copy_(along[i]);
      }
      alike(all[i]);
      alike(along[i]);
      alike(averages[i]);
      alike(of_squares[i]);
      if (largest != nullptr) {
        alike(largest_ones[i]);
      }
    }
    at::_fused_adam_(all, along, averages, of_squares, largest_ones,
                     std::vector<at::Tensor>(count, *steps), *rate, beta_1, beta_2,
                     /*weight_decay=*/0.0, epsilon, /*amsgrad=*/largest != nullptr,
                     /*maximize=*/false);
  });
}

} // extern "C"
