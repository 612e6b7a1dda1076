// Gradients of kernels that no step needs as a whole: x turned over · gradient of the output is kept as
// these two factors, until the optimizer takes its step along their product.
//
// A step of training asks for them (src/native/factors.rs); the dense layer then hands over zeros that
// take no memory as the gradient. What else adds to the gradient, such as a penalty or a second use of
// the layer, adds to these zeros, so that the whole is always their sum with the products.

#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace torchbook {

struct Factors {
  // Of this parameter's gradient.
  at::Tensor parameter;
  // (batch, features) and (batch, units).
  at::Tensor x, gradient;
  // The zeros that autograd was given in its place.
  at::Tensor zeros;

  // Whether nothing was added to the zeros.
  bool are_all_of(const at::Tensor &whole) const {
    return whole.has_storage() && whole.storage().is_alias_of(zeros.storage());
  }
};

struct StepFactors {
  // What the step will change.
  std::vector<at::Tensor> parameters;
  std::vector<Factors> products;

  // Whether a factor would change before its product is computed: a weight can be a layer's input.
  bool will_change(const at::Tensor &factor) const;
};

// Those of the step that runs on this thread, or null if it has not asked for any.
StepFactors *factors_of_step();

} // namespace torchbook
