#include "core/thread_pool.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

namespace coral_learn {
namespace {

const Poll kNoPoll = [] {};

TEST_CASE("each index is done once, by a thread of those asked for") {
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

TEST_CASE("exceptions of tasks and of poll come to the caller, and the pool goes on") {
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

TEST_CASE("callers from several threads, and from within a task, all get their work done") {
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

int exit_status(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST_CASE("a forked process works on without the threads") {
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

TEST_CASE("work during which the process is forked ends in the child and goes on in the parent") {
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

TEST_CASE("no work is no work") {
  ThreadPool pool;
  pool.run(4, 0, kNoPoll, [](std::ptrdiff_t, int) { FAIL("called"); });
}

}  // namespace
}  // namespace coral_learn
