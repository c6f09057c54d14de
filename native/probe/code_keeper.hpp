// Keeping code objects alive until their samples have been read.
//
// A sample holds bare pointers to code objects. When one is about to be freed it is kept for a
// moment instead: its deallocator is replaced by one that puts it on a list, and the service
// thread frees what is on the list once every sample taken before has been resolved.
// All functions need the GIL of the main interpreter.
#pragma once

#include <cstdint>

namespace whet::probe {

// Called with each code object (as an address) right before it is really freed.
using CodeFreed = void (*)(uintptr_t code);

// `position` tells how far the sample ring has been written; entries remember it.
void code_keeper_install(uint64_t (*position)(), CodeFreed freed);
// Free the kept objects whose position has been consumed.
void code_keeper_release(uint64_t consumed);
// Objects are waiting. Needs no GIL.
bool code_keeper_has_work();
// Free everything and put the deallocator back.
void code_keeper_remove();
// In a forked child: put the deallocator back; what was kept stays kept.
void code_keeper_forget_after_fork();

} // namespace whet::probe
