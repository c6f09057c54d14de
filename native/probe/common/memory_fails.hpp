// What a collector does where memory runs out: it loses what it was about to take down, and counts it.
//
// The program has reserves, or ends in its own way; it must not be ended by whoever looks on.
#pragma once

#include <new>

namespace whet::probe {

extern constinit thread_local bool may_throw __attribute__((tls_model("initial-exec")));
// Make the calling thread ready to throw. False if there is no memory for that.
bool prepare_to_throw();

// Do `work`; if there is no memory for it, do what is to be done then.
template <class Work, class Otherwise> void unless_memory_fails(Work work, Otherwise otherwise) {
    if (!may_throw && !prepare_to_throw()) [[unlikely]] {
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
