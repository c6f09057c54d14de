// What a collector does where memory runs out: it loses what it was about to take down, and counts it.
//
// The program has reserves, or ends in its own way; it must not be ended by whoever looks on.
#pragma once

#include <new>

namespace whet::probe {

extern constinit thread_local bool may_throw __attribute__((tls_model("initial-exec")));
bool prepare_to_throw();

// Is the calling thread ready to throw, or made so? False if there is no memory for that. The first time in a
// thread may wait for the loader: not while a mutex is held that libraries want which are being loaded.
inline bool ready_to_throw() { return may_throw || prepare_to_throw(); }

// Do `work`; if there is no memory for it, do what is to be done then.
template <class Work, class Otherwise> void unless_memory_fails(Work work, Otherwise otherwise) {
    if (!ready_to_throw()) [[unlikely]] {
        otherwise();
        return;
    }
    try {
        work();
    } catch (const std::bad_alloc &) {
        otherwise();
    }
}
template <class Work> void unless_memory_fails(Work work) {
    unless_memory_fails(work, [] {});
}

} // namespace whet::probe
