// Keeping code objects alive until the events that name them have been resolved.
//
// An event holds bare pointers to code objects. When one is about to be freed it is kept for a
// moment instead: its deallocator is replaced by one that puts it on a list, and what is on the
// list is freed once every collector (service.hpp) has resolved all events that began before.
// All functions need the GIL of the main interpreter, except where they say otherwise.
#pragma once

#include <cstddef>

namespace whet::probe {

void code_keeper_install();
// Free the kept objects that no unresolved event can name.
void code_keeper_release();
// Objects are waiting. Needs no GIL.
bool code_keeper_has_work();
// The collector at this place is gone: wait for it no longer.
void code_keeper_forget_place(size_t place);
// Free everything and put the deallocator back.
void code_keeper_remove();
// In a forked child: put the deallocator back; what was kept stays kept.
void code_keeper_forget_after_fork();

} // namespace whet::probe
