#pragma once

#include <string>
#include <vector>

#include "core/kernels.h"

namespace coral_learn {

// Returns the kernels that this processor can run, the fastest first.
std::vector<const Kernels*> runnable_kernels();

// Returns the kernels for the named instruction set, or the fastest if the name is empty.
// Throws std::invalid_argument if this processor cannot run them.
const Kernels& choose_kernels(const std::string& instruction_set);

}  // namespace coral_learn
