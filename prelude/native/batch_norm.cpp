// Batch normalisation over the last axis on the CPU, with a ReLU behind it if there is one;
// src/native/batch_norm.rs is the other side, batch_norm_loops.h has the loops.
//
// Two passes over memory each way. For both layers libtorch makes five forward and four backward,
// and Keras's moving averages take eight operations more.

#include "batch_norm_loops.h"
#include "guarded.h"
#include "parallel.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/relu.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace torchbook {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Numbers that are worth a thread.
constexpr int64_t NUMBERS_OF_A_THREAD = 16384;

TORCHBOOK_EACH_PROCESSOR void run_one(Pass pass, const Rows<float> &rows) { run_pass(pass, rows); }
TORCHBOOK_EACH_PROCESSOR void run_one(Pass pass, const Rows<c10::BFloat16> &rows) {
  run_pass(pass, rows);
}

// Sums of all threads for each channel, one after the other in memory: those of the first kind,
// then those of the second.
using Sums = std::vector<double>;

// Runs a pass on all threads. Sums are added in the threads' order: the same numbers each time.
template <typename Number> Sums run(Pass pass, const Rows<Number> &all) {
  const int64_t channels = all.channels;
  const int64_t threads = threads_for(all.rows, NUMBERS_OF_A_THREAD / std::max<int64_t>(channels, 1));
  const bool sums = pass == Pass::Moments || pass == Pass::GradientSums;
  Sums partial(sums ? 2 * channels * threads : 0);
  in_parts(all.rows, threads, [&](int64_t first, int64_t last, int64_t thread) {
    Rows<Number> part = all;
    part.rows = last - first;
    part.x += first * channels;
    part.gradient = all.gradient == nullptr ? nullptr : all.gradient + first * channels;
    part.out = all.out == nullptr ? nullptr : all.out + first * channels;
    if (sums) {
      part.sums = partial.data() + 2 * channels * thread;
      part.products = part.sums + channels;
    }
    run_one(pass, part);
  });
  for (int64_t thread = 1; thread < threads && sums; ++thread) {
    for (int64_t i = 0; i < 2 * channels; ++i) {
      partial[i] += partial[2 * channels * thread + i];
    }
  }
  return partial;
}

// Numbers of each channel that a pass reads; those of a tensor, or `otherwise` without one.
std::vector<float> of_channels(const Tensor &tensor, int64_t channels, float otherwise) {
  if (!tensor.defined()) {
    return std::vector<float>(channels, otherwise);
  }
  const float *numbers = tensor.const_data_ptr<float>();
  return std::vector<float>(numbers, numbers + channels);
}

template <typename Number> Rows<Number> rows_of(const Tensor &x, bool relu) {
  Rows<Number> rows;
  rows.channels = x.size(-1);
  rows.rows = x.numel() / rows.channels;
  rows.x = x.const_data_ptr<Number>();
  rows.relu = relu;
  return rows;
}

// The mean of a few rows. Squares are taken of differences to it: those of numbers far from 0 would
// lose their digits.
template <typename Number> std::vector<float> near_the_mean(const Rows<Number> &rows) {
  const int64_t few = std::min<int64_t>(rows.rows, 16);
  std::vector<float> mean(rows.channels);
  for (int64_t i = 0; i < few; ++i) {
    const Number *row = rows.x + i * (rows.rows / few) * rows.channels;
    for (int64_t c = 0; c < rows.channels; ++c) {
      mean[c] += static_cast<float>(row[c]) / few;
    }
  }
  return mean;
}

template <typename Body> auto with_numbers_of(const Tensor &x, Body body) {
  return x.scalar_type() == at::kBFloat16 ? body(c10::BFloat16()) : body(float());
}

struct Options {
  double step, epsilon;
  bool relu;
};

// Gradients that have derivatives themselves, by libtorch's operations: for gradients of gradients.
variable_list differentiable(const Tensor &x, const Tensor &gamma, const Tensor &beta,
                             const Tensor &gradient, const Options &options) {
  auto y = std::get<0>(at::native_batch_norm(x.movedim(-1, 1), gamma, beta, {}, {},
                                             /*training=*/true, /*momentum=*/0.0,
                                             options.epsilon))
               .movedim(1, -1);
  y = options.relu ? at::relu(y) : y;
  variable_list inputs, gradients(6);
  for (const auto &input : {x, gamma, beta}) {
    if (input.defined() && input.requires_grad()) {
      inputs.push_back(input);
    }
  }
  const auto found = torch::autograd::grad({y}, inputs, {gradient}, /*retain_graph=*/true,
                                           /*create_graph=*/true);
  size_t next = 0, index = 0;
  for (const auto &input : {x, gamma, beta}) {
    if (input.defined() && input.requires_grad()) {
      gradients[index] = found[next++];
    }
    ++index;
  }
  return gradients;
}

struct BatchNorm : torch::autograd::Function<BatchNorm> {
  static Tensor forward(AutogradContext *context, const Tensor &x,
                        const std::optional<Tensor> &weight, const std::optional<Tensor> &bias,
                        const Tensor &moving_mean, const Tensor &moving_variance,
                        const Options &options) {
    const auto gamma = weight.value_or(Tensor()), beta = bias.value_or(Tensor());
    const int64_t channels = x.size(-1);
    auto kept = at::empty({2, channels}, x.options().dtype(at::kFloat));
    float *mean = kept.mutable_data_ptr<float>(), *inverse = mean + channels;
    auto y = at::empty_like(x);
    auto scale = of_channels(gamma, channels, 1);
    const auto shift = of_channels(beta, channels, 0);
    with_numbers_of(x, [&](auto number) {
      auto rows = rows_of<decltype(number)>(x, options.relu);
      const auto around = near_the_mean(rows);
      rows.mean = around.data();
      const auto sums = run(Pass::Moments, rows);
      float *averages = moving_mean.mutable_data_ptr<float>();
      float *variances = moving_variance.mutable_data_ptr<float>();
      for (int64_t c = 0; c < channels; ++c) {
        const double difference = sums[c] / rows.rows;
        const double variance =
            std::max(0.0, sums[channels + c] / rows.rows - difference * difference);
        mean[c] = static_cast<float>(around[c] + difference);
        inverse[c] = static_cast<float>(1.0 / std::sqrt(variance + options.epsilon));
        scale[c] *= inverse[c];
        averages[c] += options.step * (mean[c] - averages[c]);
        variances[c] += options.step * (variance - variances[c]);
      }
      rows.mean = mean;
      rows.scale = scale.data();
      rows.beta = shift.data();
      rows.out = y.mutable_data_ptr<decltype(number)>();
      run(Pass::Normalize, rows);
    });
    context->save_for_backward({x, gamma, beta, kept});
    context->saved_data["step"] = options.step;
    context->saved_data["epsilon"] = options.epsilon;
    context->saved_data["relu"] = options.relu;
    return y;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &gamma = saved[1], &beta = saved[2];
    const Options options{context->saved_data["step"].toDouble(),
                          context->saved_data["epsilon"].toDouble(),
                          context->saved_data["relu"].toBool()};
    if (at::GradMode::is_enabled()) {
      return differentiable(x, gamma, beta, gradients[0], options);
    }
    auto gradient = gradients[0].contiguous();
    const int64_t channels = x.size(-1);
    const float *mean = saved[3].const_data_ptr<float>(), *inverse = mean + channels;
    auto scale = of_channels(gamma, channels, 1);
    const auto shift = of_channels(beta, channels, 0);
    auto of_x = at::empty_like(x);
    auto of_gamma = at::empty({channels}, saved[3].options());
    auto of_beta = at::empty({channels}, saved[3].options());
    with_numbers_of(x, [&](auto number) {
      using Number = decltype(number);
      auto rows = rows_of<Number>(x, options.relu);
      rows.gradient = gradient.const_data_ptr<Number>();
      rows.mean = mean;
      rows.beta = shift.data();
      std::vector<float> back(channels), offset(channels);
      for (int64_t c = 0; c < channels; ++c) {
        scale[c] *= inverse[c];
      }
      rows.scale = scale.data();
      const auto sums = run(Pass::GradientSums, rows);
      for (int64_t c = 0; c < channels; ++c) {
        const double sum = sums[c], product = sums[channels + c];
        of_beta.mutable_data_ptr<float>()[c] = static_cast<float>(sum);
        of_gamma.mutable_data_ptr<float>()[c] = static_cast<float>(product * inverse[c]);
        back[c] = static_cast<float>(scale[c] * product * inverse[c] * inverse[c] / rows.rows);
        offset[c] = static_cast<float>(scale[c] * sum / rows.rows);
      }
      rows.back = back.data();
      rows.offset = offset.data();
      rows.out = of_x.mutable_data_ptr<Number>();
      run(Pass::GradientOfInput, rows);
    });
    return {of_x, gamma.defined() ? of_gamma : Tensor(), beta.defined() ? of_beta : Tensor(),
            Tensor(), Tensor(), Tensor()};
  }
};

// Whether the loops can read a tensor of numbers for each channel, if there is one.
bool readable(const Tensor &tensor, int64_t channels) {
  return !tensor.defined() ||
         (tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat &&
          tensor.is_contiguous() && tensor.numel() == channels);
}

bool applies(const Tensor &x, std::initializer_list<Tensor> of_channels) {
  return x.device().is_cpu() && x.layout() == at::kStrided && x.dim() >= 2 && x.numel() > 0 &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         x.is_contiguous() &&
         std::all_of(of_channels.begin(), of_channels.end(),
                     [&](const Tensor &tensor) { return readable(tensor, x.size(-1)); });
}

// Undefined tensors may not be arguments of an operation with gradients.
std::optional<Tensor> given(const Tensor *tensor) {
  return tensor == nullptr ? std::nullopt : std::optional<Tensor>(*tensor);
}

Tensor by_moving_averages(const Tensor &x, const Tensor &gamma, const Tensor &beta,
                          const Tensor &moving_mean, const Tensor &moving_variance,
                          double epsilon, bool relu) {
  const int64_t channels = x.size(-1);
  auto y = at::empty_like(x);
  auto scale = of_channels(gamma, channels, 1);
  const auto shift = of_channels(beta, channels, 0);
  const auto variance = of_channels(moving_variance, channels, 1);
  for (int64_t c = 0; c < channels; ++c) {
    scale[c] = static_cast<float>(scale[c] / std::sqrt(variance[c] + epsilon));
  }
  with_numbers_of(x, [&](auto number) {
    auto rows = rows_of<decltype(number)>(x, relu);
    rows.mean = moving_mean.const_data_ptr<float>();
    rows.scale = scale.data();
    rows.beta = shift.data();
    rows.out = y.mutable_data_ptr<decltype(number)>();
    run(Pass::Normalize, rows);
  });
  return y;
}

} // namespace
} // namespace torchbook

extern "C" {

// `*output` becomes x normalised over its last axis, with a ReLU behind it if `relu`; in training
// by the batch's own mean and variance, which the moving averages follow by `step` of the way.
// `gamma` and `beta` may be null. `*output` stays null, and nothing happens, where the loops do not
// apply: other devices, kinds, orders of axes.
char *torchbook_native_batch_norm(const at::Tensor *x, const at::Tensor *gamma,
                                  const at::Tensor *beta, const at::Tensor *moving_mean,
                                  const at::Tensor *moving_variance, bool training, double step,
                                  double epsilon, bool relu, at::Tensor **output) {
  using namespace torchbook;
  return guarded([&] {
    const auto weight = given(gamma), bias = given(beta);
    const auto scale = weight.value_or(at::Tensor()), shift = bias.value_or(at::Tensor());
    const bool learns = at::GradMode::is_enabled() &&
                        (x->requires_grad() || scale.requires_grad() || shift.requires_grad());
    if (!applies(*x, {scale, shift, *moving_mean, *moving_variance}) || (!training && learns)) {
      return;
    }
    *output = new at::Tensor(
        training ? BatchNorm::apply(*x, weight, bias, *moving_mean, *moving_variance,
                                    Options{step, epsilon, relu})
                 : by_moving_averages(*x, scale, shift, *moving_mean, *moving_variance, epsilon,
                                      relu));
  });
}

} // extern "C"
