// The calls of libtorch that tch does not bind; prelude/src/native.rs is the other side.
//
// Tensors come as tch passes them, pointers to at::Tensor. A function that can fail returns
// null, or the error's text, which the caller gives back to torchbook_native_free.

#include "guarded.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <vector>

namespace {

std::atomic<bool> mkl_has_asked{false};

// The fused kernels run over raw memory and check nothing themselves.
void check_alike(const char *name, const at::Tensor &parameter, const at::Tensor &other) {
  TORCH_CHECK(other.sizes() == parameter.sizes() &&
                  other.scalar_type() == parameter.scalar_type() &&
                  other.device() == parameter.device() &&
                  other.strides() == parameter.strides() && other.is_non_overlapping_and_dense(),
              "Adam: expected a ", name, " that is like its parameter, ", parameter.scalar_type(),
              " ", parameter.sizes(), " on ", parameter.device(), " without gaps, received ",
              other.scalar_type(), " ", other.sizes(), " on ", other.device());
}

std::vector<at::Tensor> list(size_t count, const at::Tensor *const *tensors) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    list.push_back(*tensors[i]);
  }
  return list;
}

} // namespace

// Each step of a training allocates and frees the same tensors of some megabytes. By its own
// defaults glibc gives such memory back to the system and fetches it again, page by page: a fifth
// of a step on the CPU. Blocks from 32 MB, the most that glibc allows here, still go back at once,
// and the rest when 512 MB lie idle.
__attribute__((constructor)) static void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

extern "C" {

// MKL, which multiplies libtorch's matrices, asks this whether to look at what the processor can
// do; its own answer goes by the maker's name, and elsewhere leaves wide registers unused. This
// one is found first because libtorchbook.so comes before libtorch in the order of loading.
int mkl_serv_intel_cpu_true() {
  mkl_has_asked = true;
  return 1;
}

// Whether that order holds, once a matrix product was computed; for tests.
bool torchbook_native_mkl_has_asked() { return mkl_has_asked; }

void torchbook_native_free(char *text) { std::free(text); }

// bfloat16 for what profits from it, on this thread. `nested` becomes whether that was so before.
char *torchbook_native_autocast_begin(bool cuda, bool *nested) {
  return guarded([&] {
    auto device = cuda ? at::kCUDA : at::kCPU;
    *nested = at::autocast::is_autocast_enabled(device);
    at::autocast::set_autocast_dtype(device, at::kBFloat16);
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::increment_nesting();
  });
}

// The casted weights that were kept for a second use are forgotten with the outermost one.
char *torchbook_native_autocast_end(bool cuda, bool nested) {
  return guarded([&] {
    if (at::autocast::decrement_nesting() == 0) {
      at::autocast::clear_cache();
    }
    at::autocast::set_autocast_enabled(cuda ? at::kCUDA : at::kCPU, nested);
  });
}

// One step of Adam for `count` parameters, in one pass over each. `step` counts from 1; `largest` is
// null without amsgrad.
char *torchbook_native_fused_adam(size_t count, const at::Tensor *const *parameters,
                                  const at::Tensor *const *gradients,
                                  const at::Tensor *const *means,
                                  const at::Tensor *const *squares,
                                  const at::Tensor *const *largest, double step,
                                  double learning_rate, double beta_1, double beta_2,
                                  double epsilon) {
  return guarded([&] {
    c10::AutoGradMode without_gradients(false);
    const auto all = list(count, parameters);
    auto slopes = list(count, gradients);
    for (size_t i = 0; i < count; ++i) {
      if (slopes[i].sizes() == all[i].sizes() && slopes[i].strides() != all[i].strides()) {
        // Backward passes may hand over another order of axes than the parameter's.
        slopes[i] = at::empty_like(all[i]).copy_(slopes[i]);
      }
      check_alike("parameter", all[i], all[i]);
      check_alike("gradient", all[i], slopes[i]);
      check_alike("average of the gradient", all[i], *means[i]);
      check_alike("average of its square", all[i], *squares[i]);
      if (largest != nullptr) {
        check_alike("largest average", all[i], *largest[i]);
      }
    }
    if (all.empty()) {
      return;
    }
    const auto steps = at::full({}, step, all[0].options().dtype(at::kFloat));
    at::_fused_adam_(all, slopes, list(count, means), list(count, squares),
                     list(largest == nullptr ? 0 : count, largest),
                     std::vector<at::Tensor>(count, steps), learning_rate, beta_1, beta_2,
                     /*weight_decay=*/0.0, epsilon, /*amsgrad=*/largest != nullptr,
                     /*maximize=*/false);
  });
}

} // extern "C"
