#include "core/thread_pool.h"

#include <chrono>
#include <stdexcept>
#include <system_error>
#include <utility>

#ifndef _WIN32
#include <csignal>
#endif

namespace coral_learn {
namespace {

constexpr std::int32_t kStop = -1;

// How long a thread waits awake for more work. The time between two iterations of one training is
// shorter than it takes to put a thread to sleep and wake it up.
constexpr std::chrono::microseconds kSpinTime(50);

// Signals belong to the threads of the program itself. Windows sends none to threads.
void block_signals() {
#ifndef _WIN32
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
#endif
}

}  // namespace

ThreadPool::~ThreadPool() {
  {
    const std::scoped_lock lock(shared_->mutex);
    call_.store({call_.load().number + 1, kStop});
  }
  shared_->called.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::abandon() {
  abandoned_ = true;
  at_work_ = 0;
  // Leaked: a mutex that a thread of the parent held can be neither unlocked nor destroyed.
  [[maybe_unused]] const Shared* leaked = shared_.release();
  shared_ = std::make_unique<Shared>();
}

// Starts threads until there are `wanted`, and returns how many there are, at most `wanted`.
int ThreadPool::start_threads(int wanted) {
  try {
    while (static_cast<int>(threads_.size()) < wanted) {
      threads_.emplace_back(&ThreadPool::serve, this, static_cast<int>(threads_.size()) + 1);
    }
  } catch (const std::system_error&) {
    wanted = static_cast<int>(threads_.size());  // the system allows no more threads
  }
  return wanted;
}

void ThreadPool::run_parallel(int threads, std::ptrdiff_t count, const Poll& poll,
                              const AnyTask& task) {
  if (threads > count) threads = static_cast<int>(count);
  threads = start_threads(threads - 1) + 1;
  task_ = &task;
  poll_ = &poll;
  if (static_cast<int>(ranges_.size()) != threads) ranges_ = std::vector<Range>(threads);
  for (int i = 0; i < threads; ++i) {
    ranges_[i].next = i * count / threads;
    ranges_[i].last = (i + 1) * count / threads;
  }
  at_work_ = threads - 1;
  {
    const std::scoped_lock lock(shared_->mutex);
    call_.store({call_.load().number + 1, threads});
  }
  shared_->called.notify_all();
  work(0);
  while (at_work_.load() > 0) std::this_thread::yield();
  if (shared_->failure) std::rethrow_exception(std::exchange(shared_->failure, nullptr));
  if (abandoned_) {
    throw std::runtime_error(
        "a forked process cannot continue the work that its parent had in progress");
  }
}

void ThreadPool::work(int thread) {
  const int threads = static_cast<int>(ranges_.size());
  try {
    for (int i = 0; i < threads; ++i) {
      Range& range = ranges_[(thread + i) % threads];
      while (true) {
        const std::ptrdiff_t index = range.next.fetch_add(1);
        if (index >= range.last) break;
        if (thread == 0) (*poll_)();
        (*task_)(index, thread);
      }
    }
  } catch (...) {
    for (Range& range : ranges_) range.next = range.last;
    const std::scoped_lock lock(shared_->mutex);
    if (!shared_->failure) shared_->failure = std::current_exception();
  }
}

void ThreadPool::serve(int thread) {
  block_signals();
  Call call{0, 0};
  while (true) {
    call = wait_for_call(call.number);
    if (call.threads == kStop) return;
    if (thread < call.threads) {
      work(thread);
      at_work_.fetch_sub(1);
    }
  }
}

ThreadPool::Call ThreadPool::wait_for_call(std::uint32_t last_number) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point spin_deadline = Clock::now() + kSpinTime;
  while (Clock::now() < spin_deadline) {
    const Call call = call_.load();
    if (call.number != last_number) return call;
    std::this_thread::yield();
  }
  std::unique_lock<std::mutex> lock(shared_->mutex);
  shared_->called.wait(lock, [&] { return call_.load().number != last_number; });
  return call_.load();
}

}  // namespace coral_learn
