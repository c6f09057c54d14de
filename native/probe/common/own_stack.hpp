// The stack of the calling thread, as a signal handler, an allocator hook or a patched call takes it.
//
// Two walks: the first finds a leaf from which the whole stack can be read and counts the frames,
// so that exactly the needed room can be reserved; the second copies. The thread does nothing in
// between. Needs no GIL; async-signal-safe.
#pragma once

#include <cstdint>

#include "layout/layout.h"
#include "probe/common/safe_read.hpp"
#include "probe/common/stack_walk.hpp"

namespace whet::probe {

enum StackFlag : uint32_t {
    STACK_TRUNCATED = 2, // the root end is missing
    STACK_REJECTED = 4,  // could not be read
    STACK_FOREIGN = 8,   // the thread runs another interpreter
    STACK_NATIVE = 16,   // the thread has no Python frame
};

struct OwnStack {
    uint32_t flags = 0;  // StackFlag
    uint32_t frames = 0; // how many there are to copy
    uintptr_t leaf = 0, tstate = 0;
};

class OwnStackWalker {
  public:
    // `max_frames`: deeper stacks lose their root end.
    OwnStackWalker(const whet_layout &layout, uint32_t max_frames);

    // Measure the calling thread's stack; within a task's step, up to the task's coroutine. With `to`, which
    // has room for `max_frames`, it is copied on the way.
    OwnStack measure(const Reader &reader, Frame *to = nullptr) const;
    // Copy it to `to`, which has room for stack.frames, leaf first.
    void copy(const Reader &reader, const OwnStack &stack, Frame *to) const;
    // The labels that the thread runs under (labels.hpp), those of its task included.
    uint32_t labels(const Reader &reader, const OwnStack &stack) const;

  private:
    StackWalker walker_;
    uint32_t max_frames_;
    uintptr_t main_interpreter_;
};

} // namespace whet::probe
