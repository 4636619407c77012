#pragma once

#include "core/engine.h"
#include "core/kernels.h"

namespace coral_learn {

// Chooses the kernels for this processor, or those that the environment variable
// CORAL_LEARN_INSTRUCTION_SET names. Called once, before make_engine. Throws std::invalid_argument.
const Kernels& initialize_engine();

// An engine that works with up to `threads` threads and lets Python handle its signals: for code
// that runs without the GIL.
Engine make_engine(int threads);

}  // namespace coral_learn
