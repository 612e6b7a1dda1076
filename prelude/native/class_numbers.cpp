// Loss and accuracy for class numbers on the CPU, one pass over the outputs each;
// src/native/class_numbers.rs is the other side.
//
// A batch has some hundred numbers here: what takes time are libtorch's dozen operations, not they.

#include "guarded.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

namespace torchbook {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Beyond, libtorch's threads are worth their while.
constexpr int64_t MOST_NUMBERS = 1 << 15;

// Rows of numbers with a class number for each.
bool applies(const Tensor &outputs, const Tensor &labels) {
  return outputs.device().is_cpu() && labels.device().is_cpu() &&
         outputs.scalar_type() == at::kFloat && outputs.is_contiguous() && outputs.dim() == 2 &&
         outputs.size(1) > 0 && outputs.size(0) > 0 && outputs.numel() <= MOST_NUMBERS &&
         at::isIntegralType(labels.scalar_type(), /*includeBool=*/false) &&
         labels.numel() == outputs.size(0);
}

struct Crossentropy : torch::autograd::Function<Crossentropy> {
  static Tensor forward(AutogradContext *context, const Tensor &logits, const Tensor &labels) {
    const int64_t rows = logits.size(0), classes = logits.size(1);
    const float *row = logits.const_data_ptr<float>();
    const int64_t *label = labels.const_data_ptr<int64_t>();
    auto slopes = at::empty_like(logits);
    float *slope = slopes.mutable_data_ptr<float>();
    double total = 0;
    for (int64_t i = 0; i < rows; ++i, row += classes, slope += classes) {
      TORCH_CHECK(label[i] >= 0 && label[i] < classes, "the class number ", label[i],
                  " is none of ", classes);
      const float largest = *std::max_element(row, row + classes);
      float sum = 0;
      for (int64_t c = 0; c < classes; ++c) {
        slope[c] = std::exp(row[c] - largest);
        sum += slope[c];
      }
      total += std::log(sum) - (row[label[i]] - largest);
      for (int64_t c = 0; c < classes; ++c) {
        slope[c] = (slope[c] / sum - (c == label[i] ? 1.0f : 0.0f)) / rows;
      }
    }
    context->save_for_backward({logits, labels, slopes});
    return at::scalar_tensor(total / rows, logits.options());
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &logits = saved[0], &labels = saved[1];
    if (!at::GradMode::is_enabled()) {
      return {saved[2].mul(gradients[0]), Tensor()};
    }
    // By operations that have derivatives themselves.
    const auto loss = at::nll_loss(at::log_softmax(logits, -1), labels);
    return {torch::autograd::grad({loss}, {logits}, {gradients[0]}, /*retain_graph=*/true,
                                  /*create_graph=*/true)[0],
            Tensor()};
  }
};

} // namespace
} // namespace torchbook

extern "C" {

// `*output` becomes the mean of -ln p(label) for logits (rows, classes). It stays null where libtorch is
// as fast, or where something else is meant.
char *torchbook_native_crossentropy(const at::Tensor *logits, const at::Tensor *labels,
                                    at::Tensor **output) {
  using namespace torchbook;
  return guarded([&] {
    if (applies(*logits, *labels)) {
      *output = new at::Tensor(
          Crossentropy::apply(*logits, labels->reshape({-1}).to(at::kLong).contiguous()));
    }
  });
}

// `*count` becomes the number of rows whose largest output is that of their class; it stays as it is
// where libtorch is as fast, or where something else is meant.
char *torchbook_native_hits(const at::Tensor *outputs, const at::Tensor *labels, int64_t *count) {
  using namespace torchbook;
  return guarded([&] {
    if (!applies(*outputs, *labels)) {
      return;
    }
    const auto numbers = labels->reshape({-1}).to(at::kLong).contiguous();
    const int64_t classes = outputs->size(1), *label = numbers.const_data_ptr<int64_t>();
    const float *row = outputs->const_data_ptr<float>();
    // What is not a number is the largest, as for libtorch.
    const auto less = [](float a, float b) { return a < b || (std::isnan(b) && !std::isnan(a)); };
    int64_t hits = 0;
    for (int64_t i = 0; i < outputs->size(0); ++i, row += classes) {
      hits += std::max_element(row, row + classes, less) - row == label[i] ? 1 : 0;
    }
    *count = hits;
  });
}

} // extern "C"
