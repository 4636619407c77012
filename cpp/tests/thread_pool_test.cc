#include "core/thread_pool.h"

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>

#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace coral_learn {
namespace {

const Poll kNoPoll = [] {};

TEST_CASE("each index is processed once, by one of the threads asked for") {
  ThreadPool pool;
  for (int round = 0; round < 200; ++round) {
    for (const int threads : {1, 2, 3, 8}) {
      std::vector<std::atomic<int>> done(37);
      pool.run(threads, 37, kNoPoll, [&](std::ptrdiff_t index, int thread) {
        CHECK(thread >= 0);
        CHECK(thread < threads);
        ++done[index];
      });
      for (const std::atomic<int>& times : done) REQUIRE(times == 1);
    }
  }
}

TEST_CASE("exceptions from tasks and from poll reach the caller, and the pool stays usable") {
  ThreadPool pool;
  for (int round = 0; round < 50; ++round) {
    CHECK_THROWS_WITH(pool.run(3, 100, kNoPoll,
                               [](std::ptrdiff_t index, int) {
                                 if (index == 70) throw std::runtime_error("task");
                               }),
                      "task");
    const auto fail = [] { throw std::runtime_error("poll"); };
    const auto wait = [](std::ptrdiff_t, int) {  // so that some are left for the calling thread
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    CHECK_THROWS_WITH(pool.run(3, 100, fail, wait), "poll");
    std::atomic<int> done{0};
    pool.run(3, 100, kNoPoll, [&](std::ptrdiff_t, int) { ++done; });
    CHECK(done == 100);
  }
}

TEST_CASE("work from several threads, and from within a task, is all done") {
  ThreadPool pool;
  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        pool.run(2, 10, kNoPoll, [&](std::ptrdiff_t, int) {
          pool.run(2, 3, kNoPoll, [&](std::ptrdiff_t, int) { ++done; });
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(done == 4 * 100 * 10 * 3);
}

#ifndef _WIN32  // which cannot fork

int exit_status(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST_CASE("a forked process works without the threads") {
  ThreadPool pool;
  pool.run(3, 100, kNoPoll, [](std::ptrdiff_t, int) {});
  const pid_t child = fork();
  if (child == 0) {
    pool.abandon();
    int done = 0;
    pool.run(3, 100, kNoPoll, [&](std::ptrdiff_t, int thread) { done += thread == 0; });
    _exit(done == 100 ? 0 : 1);
  }
  CHECK(exit_status(child) == 0);
}

TEST_CASE("work in progress at a fork ends in the child and continues in the parent") {
  ThreadPool pool;
  pid_t child = -1;
  const auto fork_once = [&] {
    if (child != -1) return;
    child = fork();
    if (child == 0) pool.abandon();
  };
  std::atomic<int> done{0};
  const auto slow_task = [&](std::ptrdiff_t, int) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++done;
  };
  bool ended = false;
  try {
    pool.run(3, 100, fork_once, slow_task);
  } catch (const std::runtime_error&) {
    ended = true;
  }
  if (child == 0) _exit(ended ? 0 : 1);
  CHECK(!ended);
  CHECK(done == 100);
  CHECK(exit_status(child) == 0);
}

TEST_CASE("a process forked while threads hold the lock of their pool does not wait for it") {
  ThreadPool pool;
  for (int round = 0; round < 100; ++round) {
    pid_t child = -1;
    const auto fork_and_fail = [&] {
      child = fork();
      if (child == 0) {
        alarm(20);  // ends a child that waits for a lock
        pool.abandon();
      }
      throw std::runtime_error("poll");
    };
    // The other threads fail at about the time of the fork, and take the lock to say so.
    bool failed = false;
    try {
      pool.run(4, 4, fork_and_fail, [](std::ptrdiff_t, int) { throw std::runtime_error("task"); });
    } catch (const std::runtime_error&) {
      failed = true;
    }
    if (child == 0) {
      int done = 0;
      pool.run(4, 100, kNoPoll, [&](std::ptrdiff_t, int thread) { done += thread == 0; });
      _exit(failed && done == 100 ? 0 : 1);
    }
    CHECK(failed);
    if (child != -1) REQUIRE(exit_status(child) == 0);
  }
}

#endif

TEST_CASE("without work nothing is called") {
  ThreadPool pool;
  pool.run(4, 0, kNoPoll, [](std::ptrdiff_t, int) { FAIL("called"); });
}

}  // namespace
}  // namespace coral_learn
