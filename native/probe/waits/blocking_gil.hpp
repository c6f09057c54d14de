// Waiting for the GIL: which condition variables are the GIL's, and who keeps whom waiting.
//
// take_gil() waits on the GIL's condition variable 5 ms at a time and signals `switch` when it
// has the GIL; drop_gil() signals the former, and when it was asked to give the GIL up it waits on
// `switch` until another thread has it. All of this happens under the GIL's own mutex, which
// therefore guards a Gil's sums.
#pragma once

#include <atomic>
#include <cstdint>

#include "layout/layout.h"
#include "probe/waits/blocking_threads.hpp"

namespace whet::probe {

struct Gil {
    std::atomic<uintptr_t> taken_over{0}; // condition: the GIL is free
    std::atomic<uintptr_t> switched{0};   // condition: another thread has taken it

    int waiters = 0;
    bool held = true;
    int64_t settled = 0;   // ticks up to which waiting is summed up
    int64_t uncharged = 0; // ticks of waiting, by all waiters, that no holder is charged with

    void settle(int64_t now) {
        if (held)
            uncharged += waiters * (now - settled);
        settled = now;
    }
};

// With the GIL, while pthread_cond_signal is redirected: find the main interpreter's GIL by giving
// it up and taking it once. False when it cannot be told.
bool gil_calibrate(const whet_layout &layout);
// No thread is known to wait; called while no call is redirected.
void gil_forget_waiters();

// The GIL with this condition variable, or nullptr.
Gil *gil_waited_for(const void *condition);
Gil *gil_switched(const void *condition);
// As gil_waited_for(), also the GIL of the calling thread's interpreter when it was not known yet.
Gil *gil_of_this_thread(const void *condition);

// Does this address lie among a GIL's condition variables and mutexes?
bool gil_contains(const void *address);

// The calling thread's steps. The redirected functions call these.
void gil_wait_begins(WaitingThread &self, Gil &gil);
void gil_wait_returns(WaitingThread &self);
void gil_taken(WaitingThread *self, Gil &gil); // nullptr: a thread that is not recorded
void gil_released(WaitingThread *self, Gil &gil);
// The condition is the main interpreter's, nobody waits for its GIL, and nobody has to be charged with former
// waits: takes note of its release or taking, for whichever thread that is.
bool gil_passes_unnoticed(const void *condition);
// It has waited for another thread to take the GIL, or for one of the GIL's mutexes.
void gil_prelude_returns(WaitingThread &self, int64_t begin);
// The wait ended without the GIL: the thread is made to end, or goes another way.
void gil_wait_abandoned(WaitingThread &self);

// While calibrating: `condition` is signalled.
void gil_note_signal(const void *condition);
extern std::atomic<bool> gil_calibrating;

} // namespace whet::probe
