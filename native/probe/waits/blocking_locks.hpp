// Who holds a lock that others wait for: the thread that releases it is charged (as Go's mutex profile).
//
// CPython's locks are semaphores: acquired by sem_trywait or sem_*wait, released by sem_post. The
// poster is taken for the holder only if nobody else is known to have acquired the semaphore last:
// otherwise it is a sign for a waiting thread (Condition, SimpleQueue), which nobody held back.
// From 3.14 on each waiter has a semaphore, and whoever acquires a free lock is not seen: the poster is
// the holder if the lock is a Python object, unless it notifies a Condition.
#pragma once

#include <cstdint>

#include "probe/waits/blocking_threads.hpp"

namespace whet::probe {

// Learn what locks look like. With the GIL, before anything is recorded.
void locks_begin();

// `self` has acquired the semaphore.
void lock_acquired(const WaitingThread &self, const void *semaphore);

// Counts `self` among the semaphore's waiters while this lives.
class LockWaiter {
  public:
    explicit LockWaiter(const void *semaphore);
    ~LockWaiter();
    LockWaiter(const LockWaiter &) = delete;
    LockWaiter &operator=(const LockWaiter &) = delete;

  private:
    const void *semaphore_;
};

// Does anybody wait for it, as far as a small table knows? Cheap.
bool lock_is_waited_for(const void *semaphore);
// `self` is about to release it, and somebody may wait.
void lock_released(WaitingThread &self, const void *semaphore);

} // namespace whet::probe
