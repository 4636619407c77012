#pragma once

#include "core/kernels.h"
#include "core/thread_pool.h"

namespace coral_learn {

// How work is executed: with which kernels, and on which threads. Results depend on the kernels,
// but not on the number of threads.
struct Execution {
  const Kernels& kernels;
  ThreadPool& pool;
  int threads;  // the maximum number to use
  Poll poll;

  template <typename Task>
  void for_each(std::ptrdiff_t count, const Task& task) const {
    pool.run(threads, count, poll, task);
  }
};

}  // namespace coral_learn
