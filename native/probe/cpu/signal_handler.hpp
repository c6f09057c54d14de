// The signal that interrupts a thread, and the handler in which the thread copies its own stack.
//
// The handler allocates nothing, locks nothing and calls no Python API that could.
#pragma once

#include "probe/cpu/session.hpp"

namespace whet::probe {

// Direct a signal that nobody uses to the handler; false when every candidate is taken.
bool take_signal(Session &s);
// The program has not put its own handler in our place.
bool signal_is_ours(const Session &s);
// What a signal costs a thread beside the time that the handler is in: it is sent to the calling thread some
// times, which finds no session. 0 where the thread has it blocked.
double delivery_ns(const Session &s);
// Put the signal's former handler back, unless the program has put its own there since.
void give_signal_back(Session &s);
// Return when no thread is inside the handler; wait without the GIL, a handler's thread may need it.
void wait_for_handlers();

} // namespace whet::probe
