// CUDA graphs: a training step that is recorded once and started with one call afterwards; and what a
// GPU is called. prelude/src/native/graph.rs and device.rs are the other side. Built only where libtorch
// has CUDA; what libtorch offers for all devices is in torchbook_device.cpp.
//
// ATen/cuda/CUDAContext.h is avoided: it needs the headers of cuBLAS and three others. Nothing here
// calls CUDA's runtime itself, so that nothing but libtorch's libraries must be linked.

#include "guarded.h"

#include <ATen/Context.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/StreamGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

namespace at::cuda {
// As in CUDAContext.h; libtorch fills the properties once for each GPU and keeps them.
TORCH_CUDA_CPP_API cudaDeviceProp *getDeviceProperties(c10::DeviceIndex index);
} // namespace at::cuda

namespace {

// What libtorch leaves undone where recording has failed.
struct Graph : at::cuda::CUDAGraph {
  // Generators would refuse to draw numbers for ever, as if they were still recorded.
  void give_generators_back() {
    for (auto &[state, increment] : captured_generator_states_) {
      state->capturing_ = false;
    }
  }
};

// A stream beside the usual one, which recording needs, and what is recorded there.
struct Recorder {
  explicit Recorder(c10::DeviceIndex index)
      : side(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, index)),
        usual(c10::cuda::getCurrentCUDAStream(index)) {}

  c10::cuda::CUDAStream side;
  c10::cuda::CUDAStream usual;
  std::optional<c10::StreamGuard> entered;
  std::unique_ptr<Graph> graph;
};

} // namespace

extern "C" {

// As the driver calls it, such as `NVIDIA H100 80GB HBM3`, cut where `name` ends.
char *torchbook_cuda_device_name(int8_t index, char *name, size_t size) {
  return guarded([&] {
    at::globalContext().lazyInitDevice(at::kCUDA);
    std::strncpy(name, at::cuda::getDeviceProperties(index)->name, size - 1);
    name[size - 1] = '\0';
  });
}

char *torchbook_cuda_recorder_new(int8_t index, Recorder **recorder) {
  return guarded([&] {
    at::globalContext().lazyInitDevice(at::kCUDA);
    *recorder = new Recorder(index);
  });
}

// The caller has left the side stream.
void torchbook_cuda_recorder_free(Recorder *recorder) {
  char *error = guarded([&] { delete recorder; });
  std::free(error);
}

// What is computed until `leave` goes to the side stream, behind what was computed before. libtorch
// wants some steps there before one is recorded: libraries choose their ways and take their memory.
char *torchbook_cuda_recorder_enter(Recorder *recorder) {
  return guarded([&] {
    recorder->usual.synchronize();
    recorder->entered.emplace(recorder->side.unwrap());
  });
}

char *torchbook_cuda_recorder_leave(Recorder *recorder) {
  auto *error = guarded([&] { recorder->side.synchronize(); });
  recorder->entered.reset();
  return error;
}

// On the side stream: from here on nothing is computed, but recorded.
char *torchbook_cuda_recorder_begin(Recorder *recorder) {
  return guarded([&] {
    recorder->graph = std::make_unique<Graph>();
    recorder->graph->capture_begin();
  });
}

// Ends what `begin` has begun, also where a step has failed in between.
char *torchbook_cuda_recorder_end(Recorder *recorder) {
  return guarded([&] {
    TORCH_CHECK(recorder->graph != nullptr, "no recording was begun");
    try {
      recorder->graph->capture_end();
    } catch (...) {
      recorder->graph->give_generators_back();
      recorder->graph.reset();
      throw;
    }
  });
}

// Computes what was recorded, on the usual stream.
char *torchbook_cuda_recorder_replay(Recorder *recorder) {
  return guarded([&] {
    TORCH_CHECK(recorder->graph != nullptr, "no step was recorded");
    recorder->graph->replay();
  });
}

} // extern "C"
