// Loops over rows on libtorch's own threads.
//
// ATen/Parallel.h does this where the compiler is given -fopenmp, and would then bring the
// compiler's OpenMP beside the one that libtorch comes with: two pools of spinning threads. Here
// the pool that libtorch has loaded is called by its name.

#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

extern "C" {
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num();
int omp_get_num_threads();
}

namespace torchbook {

// How many threads a loop over `rows` uses if each shall have at least `grain` of them.
inline int64_t threads_for(int64_t rows, int64_t grain) {
  if (at::in_parallel_region()) {
    return 1;
  }
  return std::clamp<int64_t>(rows / std::max<int64_t>(grain, 1), 1, at::get_num_threads());
}

// Calls body(first, last, thread) for parts of 0..rows at once. No exception may leave the body.
template <typename Body> void in_parts(int64_t rows, int64_t threads, const Body &body) {
  if (threads <= 1) {
    body(int64_t(0), rows, int64_t(0));
    return;
  }
  struct Work {
    const Body &body;
    int64_t rows;
  } work{body, rows};
  GOMP_parallel(
      [](void *data) {
        auto &work = *static_cast<Work *>(data);
        int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
        int64_t first = work.rows * thread / threads, last = work.rows * (thread + 1) / threads;
        if (first < last) {
          work.body(first, last, thread);
        }
      },
      &work, static_cast<unsigned>(threads), 0);
}

} // namespace torchbook
