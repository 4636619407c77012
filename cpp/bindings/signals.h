#pragma once

#include <pybind11/pybind11.h>

#include <chrono>

namespace coral_learn {

// A Poll for code that runs without the GIL: lets Python handle its signals, so that Ctrl-C raises
// KeyboardInterrupt through the code. Takes the GIL 40 times a second at most.
class SignalPoll {
 public:
  void operator()() {
    const Clock::time_point now = Clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(25);
    const pybind11::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point next_ = Clock::now() + std::chrono::milliseconds(25);
};

}  // namespace coral_learn
