#pragma once

#include "core/execution.h"
#include "core/kernels.h"

namespace coral_learn {

// Chooses the kernels for this processor, or those that the environment variable
// CORAL_LEARN_INSTRUCTION_SET names. Called once, before make_execution. Throws
// std::invalid_argument.
const Kernels& initialize_execution();

// Returns an execution on up to `threads` threads, for code that runs without the GIL. Its poll
// lets Python handle signals. Throws std::invalid_argument.
Execution make_execution(int threads);

}  // namespace coral_learn
