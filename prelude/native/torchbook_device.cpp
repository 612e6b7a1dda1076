// Devices: whether there is a GPU and why not, its memory, how exactly products are computed.
// prelude/src/native/device.rs is the other side.
//
// Only libtorch's interfaces for all devices are used here, which the build without CUDA has, too;
// torchbook_cuda.cpp has what needs CUDA's own.

#include "guarded.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <string>

namespace {

// Throws what CUDA says where there is no GPU that it can use.
void begin_cuda() {
  TORCH_CHECK(at::detail::getCUDAHooks().hasCUDART(), "this libtorch was built without CUDA");
  at::globalContext().lazyInitDevice(at::kCUDA);
}

} // namespace

extern "C" {

// Whether libtorch has CUDA, with a GPU or without.
bool torchbook_device_has_cuda() { return at::detail::getCUDAHooks().hasCUDART(); }

// The error says why no GPU can be used.
char *torchbook_device_begin_cuda() { return guarded(begin_cuda); }

// Bytes: allocated, its peak, reserved, its peak, free, total.
char *torchbook_device_memory(int8_t index, int64_t (*bytes)[6]) {
  return guarded([&] {
    begin_cuda();
    auto *allocator = c10::getDeviceAllocator(at::kCUDA);
    auto stats = allocator->getDeviceStats(index);
    auto whole = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    auto [free, total] = allocator->getMemoryInfo(index);
    (*bytes)[0] = stats.allocated_bytes[whole].current;
    (*bytes)[1] = stats.allocated_bytes[whole].peak;
    (*bytes)[2] = stats.reserved_bytes[whole].current;
    (*bytes)[3] = stats.reserved_bytes[whole].peak;
    (*bytes)[4] = static_cast<int64_t>(free);
    (*bytes)[5] = static_cast<int64_t>(total);
  });
}

// Peaks are measured anew from here.
char *torchbook_device_reset_peaks(int8_t index) {
  return guarded([&] {
    begin_cuda();
    c10::getDeviceAllocator(at::kCUDA)->resetPeakStats(index);
  });
}

// Gives memory that no tensor uses back to the system.
char *torchbook_device_empty_cache() {
  return guarded([&] {
    begin_cuda();
    c10::getDeviceAllocator(at::kCUDA)->emptyCache();
  });
}

// `highest`, `high` or `medium`.
char *torchbook_device_set_matmul_precision(const char *name) {
  return guarded([&] { at::globalContext().setFloat32MatmulPrecision(name); });
}

// 0, 1, 2 for those names.
int torchbook_device_matmul_precision() {
  return static_cast<int>(at::globalContext().float32MatmulPrecision());
}

} // extern "C"
