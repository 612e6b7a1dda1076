// Which step of this thread wants gradients as factors; src/native/factors.rs is the other side.

#include "factors.h"

namespace torchbook {
namespace {

// The innermost step is the last one: code of a user's may train a model within another's step.
thread_local std::vector<std::vector<Factors>> steps;

} // namespace

std::vector<Factors> *factors_of_step() { return steps.empty() ? nullptr : &steps.back(); }

} // namespace torchbook

extern "C" {

// From here on gradients of this thread may be factors, until the end.
void torchbook_factors_begin() { torchbook::steps.emplace_back(); }

void torchbook_factors_end() { torchbook::steps.pop_back(); }

} // extern "C"
