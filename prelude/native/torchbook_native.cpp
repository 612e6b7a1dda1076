// The calls of libtorch that tch does not bind; prelude/src/native.rs is the other side.
//
// Tensors come as tch passes them, pointers to at::Tensor. A function that can fail returns
// null, or the error's text, which the caller gives back to torchbook_native_free.

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

// No exception may leave an extern "C" function, whatever its type.
template <typename Body> char *guarded(Body body) {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception of unknown type");
  }
}

// The fused kernels run over raw memory and check nothing themselves.
void check_alike(const char *name, const at::Tensor &parameter, const at::Tensor *other) {
  if (other != nullptr) {
    TORCH_CHECK(other->sizes() == parameter.sizes() &&
                    other->scalar_type() == parameter.scalar_type() &&
                    other->device() == parameter.device() &&
                    other->strides() == parameter.strides() &&
                    other->is_non_overlapping_and_dense(),
                "Adam: expected a ", name, " that is like its parameter, ",
                parameter.scalar_type(), " ", parameter.sizes(), " on ", parameter.device(),
                " without gaps, received ", other->scalar_type(), " ", other->sizes(), " on ",
                other->device());
  }
}

std::vector<at::Tensor> list(const at::Tensor *tensor) {
  return tensor == nullptr ? std::vector<at::Tensor>() : std::vector<at::Tensor>{*tensor};
}

} // namespace

extern "C" {

void torchbook_native_free(char *text) { std::free(text); }

// One step of Adam for one parameter, in one pass over it. `step` counts from 1; `largest` is
// null without amsgrad.
char *torchbook_native_fused_adam(const at::Tensor *parameter, const at::Tensor *gradient,
                                  const at::Tensor *mean, const at::Tensor *square,
                                  const at::Tensor *largest, double step,
                                  double learning_rate, double beta_1, double beta_2,
                                  double epsilon) {
  return guarded([&] {
    c10::AutoGradMode without_gradients(false);
    auto aligned = *gradient;
    if (gradient->sizes() == parameter->sizes() &&
        gradient->strides() != parameter->strides()) {
      // Backward passes may hand over another order of axes than the parameter's.
      aligned = at::empty_like(*parameter).copy_(*gradient);
    }
    check_alike("parameter", *parameter, parameter);
    check_alike("gradient", *parameter, &aligned);
    check_alike("average of the gradient", *parameter, mean);
    check_alike("average of its square", *parameter, square);
    check_alike("largest average", *parameter, largest);
    auto options = parameter->options().dtype(at::kFloat);
    at::_fused_adam_(list(parameter), list(&aligned), list(mean), list(square), list(largest),
                     {at::full({}, step, options)}, learning_rate, beta_1, beta_2,
                     /*weight_decay=*/0.0, epsilon, /*amsgrad=*/largest != nullptr,
                     /*maximize=*/false);
  });
}

} // extern "C"
