#include "bindings/execution.h"

#include <pybind11/pybind11.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>

#ifndef _WIN32
#include <pthread.h>
#endif

#include "core/instruction_set.h"

namespace coral_learn {
namespace {

const Kernels* kernels = nullptr;

// Never destroyed: its threads end with the process.
ThreadPool* pool = nullptr;

// Handles Python's signals at most 40 times a second, so that Ctrl-C raises KeyboardInterrupt.
class SignalPoll {
 public:
  void operator()() {
    const Clock::time_point now = Clock::now();
    if (now < next_) return;
    next_ = now + kInterval;
    const pybind11::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{25};
  Clock::time_point next_ = Clock::now() + kInterval;
};

}  // namespace

const Kernels& initialize_execution() {
  // No other thread runs this code: the module is being imported.
  const char* name = std::getenv("CORAL_LEARN_INSTRUCTION_SET");  // NOLINT(concurrency-mt-unsafe)
  kernels = &choose_kernels(name == nullptr ? "" : name);
  pool = new ThreadPool;
#ifndef _WIN32  // which cannot fork
  // A forked process does not have the threads of its parent.
  pthread_atfork(nullptr, nullptr, [] {
    pool->abandon();
    pool = new ThreadPool;
  });
#endif
  return *kernels;
}

Execution make_execution(int threads) {
  if (threads < 1) throw std::invalid_argument("threads must be at least 1");
  return {*kernels, *pool, threads, SignalPoll()};
}

}  // namespace coral_learn
