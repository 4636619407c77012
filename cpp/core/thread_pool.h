#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace coral_learn {

// Called often during long work, by the thread that asked for the work. May throw to stop it.
using Poll = std::function<void()>;

// Threads that wait for work. They start when they are first needed, and stay.
class ThreadPool {
 public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  // Calls task(index, thread) for each index in [0, count), on up to `threads` threads including
  // the calling one; `thread` is in [0, threads). Neighbouring indices go to the same thread, and
  // each call gives a thread the same indices, so that its cache stays useful. A thread that has
  // run out of work takes indices from the others.
  //
  // The calling thread calls poll between tasks. An exception from a task or from poll ends the
  // work, and is rethrown once all threads have left it. If the threads are busy with the work of
  // another caller, or the system cannot start any, the calling thread does all the work itself.
  template <typename Task>
  void run(int threads, std::ptrdiff_t count, const Poll& poll, const Task& task) {
    if (threads > 1 && count > 1 && !abandoned_) {
      const std::unique_lock<std::mutex> owner(busy_, std::try_to_lock);
      if (owner) return run_parallel(threads, count, poll, std::cref(task));
    }
    for (std::ptrdiff_t index = 0; index < count; ++index) {
      poll();
      task(index, 0);
    }
  }

  // For the child process after a fork, which has none of the threads. Later work runs without
  // them; work that was in progress at the fork ends in std::runtime_error. A child that needs
  // threads must create a new pool. An abandoned pool must not be destroyed.
  void abandon();

 private:
  using AnyTask = std::function<void(std::ptrdiff_t index, int thread)>;

  struct alignas(64) Range {
    std::atomic<std::ptrdiff_t> next{0};
    std::ptrdiff_t last = 0;
  };

  // What the threads check for new work: the number of the call, and how many threads take part.
  struct Call {
    std::uint32_t number;
    std::int32_t threads;
  };

  // What the threads use under a lock. It is a separate object because at a fork any of them may
  // hold the mutex or wait on the condition, and neither can be repaired in the child process.
  struct Shared {
    std::mutex mutex;
    std::condition_variable called;
    std::exception_ptr failure;
  };

  int start_threads(int wanted);
  void run_parallel(int threads, std::ptrdiff_t count, const Poll& poll, const AnyTask& task);
  void work(int thread);
  void serve(int thread);
  Call wait_for_call(std::uint32_t last_number);

  std::mutex busy_;  // held by the caller whose work is in progress

  // The work in progress: written by its caller while no thread takes part.
  const AnyTask* task_ = nullptr;
  const Poll* poll_ = nullptr;
  std::vector<Range> ranges_;  // one per thread

  std::atomic<int> at_work_{0};  // threads that have not finished, not counting the caller's
  std::atomic<Call> call_{Call{0, 0}};
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
  std::vector<std::thread> threads_;
  bool abandoned_ = false;
};

}  // namespace coral_learn
