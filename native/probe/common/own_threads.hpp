// A thread of our own in the measured process: no signal is delivered to it, nobody samples it, and its
// files are its own.
#pragma once

#include <atomic>
#include <pthread.h>
#include <sys/types.h>

namespace whet::probe {

// A thread that Python code of ours has started calls these first and last.
void own_thread_begin();
void own_thread_end();

class OwnThread {
  public:
    using Routine = void *(void *);
    // Start it unless it runs, and wait until everybody can tell that it is ours; false if that is
    // not possible. `name` begins with "whet-".
    bool start(const char *name, Routine *routine, void *argument);
    // Wait for the routine to return and for the kernel to forget the thread. Without the GIL.
    void end();
    void forget_after_fork();

  private:
    static void *main(void *self);

    const char *name_ = nullptr;
    Routine *routine_ = nullptr;
    void *argument_ = nullptr;
    pthread_t thread_{};
    bool there_ = false;
    std::atomic<pid_t> tid_{0};
};

} // namespace whet::probe
