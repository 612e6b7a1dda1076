// The calls of libtorch that tch does not bind; prelude/src/native.rs is the other side.
//
// Tensors come as tch passes them, pointers to at::Tensor. A function that can fail returns
// null, or the error's text, which the caller gives back to torchbook_native_free.

#include "guarded.h"

#include <ATen/autocast_mode.h>

#include <atomic>
#include <cstdlib>
#include <malloc.h>

namespace {

std::atomic<bool> mkl_has_asked{false};

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

} // extern "C"
