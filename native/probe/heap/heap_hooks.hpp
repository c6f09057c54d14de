// Hooks on Python's three allocator domains.
//
// All functions need the GIL. Other tools may put hooks on top of ours, or take theirs and ours
// away together: ours then stay as a pass-through, or are put on top again.
#pragma once

namespace whet::probe {

// See that each domain's requests come to a hook of ours; false if hooks were pushed away too often. RAW
// needs none where libc's functions have one, see native_memory.hpp.
// With `place`, small samples are kept where large blocks are, and frees of others cost nothing; that is
// for samples so few that the memory they take more does not matter.
bool heap_hooks_ensure(bool place);
// The same while running; says how many domains had lost ours.
int heap_hooks_mend();
// Whether small requests can do without their hooks for a while: pymalloc answers them, their samples are
// placed, and nobody else's hook is on top. Requests of other sizes, and frees, come to the hook below.
bool heap_hooks_small_apart();
// Take away those hooks, or put them back; where that fails they are not apart, and it is tried again.
void heap_hooks_small(bool on);
// Take ours away where they are on top; returns how many domains still have them below others'.
int heap_hooks_remove();

} // namespace whet::probe
