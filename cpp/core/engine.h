#pragma once

#include "core/kernels.h"
#include "core/thread_pool.h"

namespace coral_learn {

// What work is done with. Results depend on the kernels, and not on the number of threads.
struct Engine {
  const Kernels& kernels;
  ThreadPool& pool;
  int threads;  // to use at most
  Poll poll;

  template <typename Task>
  void for_each(std::ptrdiff_t count, const Task& task) const {
    pool.run(threads, count, poll, task);
  }
};

}  // namespace coral_learn
