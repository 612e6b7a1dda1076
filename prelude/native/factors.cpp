// Which step of this thread wants gradients as factors; src/native/factors.rs is the other side.

#include "factors.h"

#include <algorithm>

namespace torchbook {
namespace {

// The innermost step is the last one: code of a user's may train a model within another's step.
thread_local std::vector<StepFactors> steps;

} // namespace

bool StepFactors::will_change(const at::Tensor &factor) const {
  return std::any_of(parameters.begin(), parameters.end(), [&](const at::Tensor &parameter) {
    return parameter.has_storage() && parameter.storage().is_alias_of(factor.storage());
  });
}

StepFactors *factors_of_step() { return steps.empty() ? nullptr : &steps.back(); }

} // namespace torchbook

extern "C" {

// From here on gradients of this thread may be factors, until the end, where a step changes these
// parameters.
void torchbook_factors_begin(const at::Tensor *const *parameters, size_t count) {
  auto &step = torchbook::steps.emplace_back();
  for (size_t index = 0; index < count; ++index) {
    step.parameters.push_back(*parameters[index]);
  }
}

void torchbook_factors_end() { torchbook::steps.pop_back(); }

} // extern "C"
