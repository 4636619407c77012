#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace coral_learn {

// Called often during long work, by the thread that asked for the work; may throw to stop it.
using Poll = std::function<void()>;

// Threads that wait for work. They start when first needed and stay.
class ThreadPool {
 public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  // Calls task(index, thread) for each index in [0, count), on up to `threads` threads, the calling
  // one included; `thread` is in [0, threads). Neighbouring indices go to the same thread, and the
  // same ones each time, for the sake of its cache, unless another thread has run out of work.
  //
  // An exception from a task or from poll, which the calling thread calls between tasks, ends the
  // work and is thrown again once all threads have left it. While the threads are busy with another
  // caller's work, or where the system lets none be started, the calling thread does all of its
  // own.
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

  // For the child after a fork, which has none of the threads: work goes on without them, but work
  // that they had a part in when the process was forked ends in std::runtime_error. A child that
  // wants threads makes a new pool. This one must not be destroyed.
  void abandon();

 private:
  using AnyTask = std::function<void(std::ptrdiff_t index, int thread)>;

  struct alignas(64) Range {
    std::atomic<std::ptrdiff_t> next{0};
    std::ptrdiff_t last = 0;
  };

  // What the threads look at for new work: which piece it is, and how many of them take part.
  struct Call {
    std::uint32_t number;
    std::int32_t threads;
  };

  int start_threads(int wanted);
  void run_parallel(int threads, std::ptrdiff_t count, const Poll& poll, const AnyTask& task);
  void work(int thread);
  void serve(int thread);
  Call wait_for_call(std::uint32_t last_number);

  std::mutex busy_;  // held by the caller whose work is being done

  // The work at hand: written by its caller while no thread takes part.
  const AnyTask* task_ = nullptr;
  const Poll* poll_ = nullptr;
  std::vector<Range> ranges_;  // one a thread

  std::atomic<int> at_work_{0};  // threads other than the caller's that have not finished
  std::mutex mutex_;             // for failure_, and for sleeping
  std::exception_ptr failure_;
  std::atomic<Call> call_{Call{0, 0}};
  std::condition_variable called_;
  std::vector<std::thread> threads_;
  bool abandoned_ = false;
};

}  // namespace coral_learn
