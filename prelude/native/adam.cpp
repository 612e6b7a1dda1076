// A step of Adam for all parameters; src/native/adam.rs is the other side.
//
// On the CPU in one pass over each, where libtorch's own takes two to three times as long; along factors
// (factors.h) where a gradient was never computed as a whole.

#include "factors.h"
#include "guarded.h"
#include "lanes.h"
#include "narrow_products.h"
#include "parallel.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <vector>

namespace torchbook {
namespace {

using at::Tensor;

// Numbers that are worth a thread.
constexpr int64_t NUMBERS_OF_A_THREAD = 16384;

// The loops run over raw memory and check nothing themselves.
void check_alike(const char *name, const Tensor &parameter, const Tensor &other) {
  TORCH_CHECK(other.sizes() == parameter.sizes() &&
                  other.scalar_type() == parameter.scalar_type() &&
                  other.device() == parameter.device() &&
                  other.strides() == parameter.strides() && other.is_non_overlapping_and_dense(),
              "Adam: expected a ", name, " that is like its parameter, ", parameter.scalar_type(),
              " ", parameter.sizes(), " on ", parameter.device(), " without gaps, received ",
              other.scalar_type(), " ", other.sizes(), " on ", other.device());
}

struct Numbers {
  float *weights, *means, *squares;
  const float *gradients;
};

TORCHBOOK_EACH_PROCESSOR void step_along(const Numbers &n, int64_t first, int64_t last,
                                         float follow, float beta_2, float follow_square,
                                         float rate, float epsilon) {
  float *__restrict weights = n.weights, *__restrict means = n.means,
        *__restrict squares = n.squares;
  const float *__restrict gradients = n.gradients;
  for (int64_t i = first; i < last; ++i) {
    const float slope = gradients[i], mean = means[i] + (slope - means[i]) * follow;
    const float square = squares[i] * beta_2 + slope * slope * follow_square;
    means[i] = mean;
    squares[i] = square;
    weights[i] -= mean * rate / (__builtin_sqrtf(square) + epsilon);
  }
}

void step_along(const Numbers &numbers, int64_t count, const AdamNumbers &adam) {
  in_parts(count, threads_for(count, NUMBERS_OF_A_THREAD),
           [&](int64_t first, int64_t last, int64_t) {
    step_along(numbers, first, last, adam.follow, adam.beta_2, adam.follow_square, adam.rate,
               adam.epsilon);
  });
}

// What one parameter is changed by.
struct Change {
  Tensor parameter, gradient, means, squares, largest;
  // The gradient's, if it was never computed.
  const Factors *factors = nullptr;
};

// Makes the gradient like the parameter, and whole unless it is factors alone.
void complete(Change &change) {
  std::vector<const Factors *> products;
  if (const auto *all = factors_of_step()) {
    for (const auto &factors : all->products) {
      if (factors.parameter.is_same(change.parameter)) {
        products.push_back(&factors);
      }
    }
  }
  if (products.size() == 1 && products[0]->are_all_of(change.gradient) &&
      !change.largest.defined()) {
    change.factors = products[0];
    return;
  }
  for (const auto *factors : products) {
    change.gradient =
        at::add(change.gradient, narrow_gradient_of_kernel(factors->x, factors->gradient));
  }
  const auto &gradient = change.gradient;
  if (gradient.sizes() == change.parameter.sizes() &&
      gradient.strides() != change.parameter.strides()) {
    // Backward passes may hand over another order of axes than the parameter's.
    change.gradient = at::empty_like(change.parameter).copy_(gradient);
  }
}

void check(const Change &change) {
  const auto &parameter = change.parameter;
  check_alike("parameter", parameter, parameter);
  if (change.factors == nullptr) {
    check_alike("gradient", parameter, change.gradient);
  }
  check_alike("average of the gradient", parameter, change.means);
  check_alike("average of its square", parameter, change.squares);
  if (change.largest.defined()) {
    check_alike("largest average", parameter, change.largest);
  }
}

// Whether the loop above does it; libtorch does otherwise.
bool is_plain(const Change &change) {
  return change.parameter.device().is_cpu() && change.parameter.scalar_type() == at::kFloat &&
         !change.largest.defined();
}

void apply(const Change &change, const AdamNumbers &adam) {
  const auto &[parameter, gradient, means, squares, largest, factors] = change;
  if (factors != nullptr) {
    narrow_adam(factors->x, factors->gradient, parameter, means, squares, adam);
  } else {
    step_along({parameter.mutable_data_ptr<float>(), means.mutable_data_ptr<float>(),
                squares.mutable_data_ptr<float>(), gradient.const_data_ptr<float>()},
               parameter.numel(), adam);
  }
  // As every operation of libtorch's that changes a tensor in place.
  for (const auto &changed : {parameter, means, squares}) {
    changed.unsafeGetTensorImpl()->bump_version();
  }
}

} // namespace
} // namespace torchbook

extern "C" {

// One step of Adam for `count` parameters. `step` counts from 1; `largest` is null without amsgrad;
// `epsilon` is Keras's, added before the correction for the number of steps.
char *torchbook_native_fused_adam(size_t count, const at::Tensor *const *parameters,
                                  const at::Tensor *const *gradients,
                                  const at::Tensor *const *means,
                                  const at::Tensor *const *squares,
                                  const at::Tensor *const *largest, double step,
                                  double learning_rate, double beta_1, double beta_2,
                                  double epsilon) {
  using namespace torchbook;
  return guarded([&] {
    c10::AutoGradMode without_gradients(false);
    std::vector<Change> changes;
    for (size_t i = 0; i < count; ++i) {
      changes.push_back({*parameters[i], *gradients[i], *means[i], *squares[i],
                         largest == nullptr ? at::Tensor() : *largest[i]});
      complete(changes.back());
      check(changes.back());
    }
    const double correction = std::sqrt(1 - std::pow(beta_2, step));
    const AdamNumbers adam{1 - beta_1, beta_2, 1 - beta_2,
                           learning_rate * correction / (1 - std::pow(beta_1, step)), epsilon};
    std::vector<at::Tensor> all, along, averages, of_squares, largest_ones;
    for (const auto &change : changes) {
      if (change.factors != nullptr || is_plain(change)) {
        apply(change, adam);
        continue;
      }
      all.push_back(change.parameter);
      along.push_back(change.gradient);
      averages.push_back(change.means);
      of_squares.push_back(change.squares);
      if (change.largest.defined()) {
        largest_ones.push_back(change.largest);
      }
    }
    if (all.empty()) {
      return;
    }
    const auto steps = at::full({}, step, all[0].options().dtype(at::kFloat));
    // libtorch adds epsilon after the correction: divided by it, ours is theirs.
    at::_fused_adam_(all, along, averages, of_squares, largest_ones,
                     std::vector<at::Tensor>(all.size(), steps), learning_rate, beta_1, beta_2,
                     /*weight_decay=*/0.0, epsilon / correction,
                     /*amsgrad=*/largest != nullptr, /*maximize=*/false);
  });
}

} // extern "C"
