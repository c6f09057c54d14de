#include <Python.h>

#include "probe/common/own_stack.hpp"

#include "probe/common/labels.hpp"
#include "probe/tasks/task_labels.hpp"

namespace whet::probe {

OwnStackWalker::OwnStackWalker(const whet_layout &layout, uint32_t max_frames)
    : walker_(layout, reinterpret_cast<uintptr_t>(&PyCode_Type)), max_frames_(max_frames),
      main_interpreter_(reinterpret_cast<uintptr_t>(PyInterpreterState_Main())) {}

OwnStack OwnStackWalker::measure(const Reader &reader, Frame *to) const {
    OwnStack stack;
    // Reads one pthread-specific value (3.11-3.14) or thread-local variable (3.15).
    stack.tstate = reinterpret_cast<uintptr_t>(PyGILState_GetThisThreadState());
    if (!stack.tstate) {
        stack.flags = STACK_NATIVE;
        return stack;
    }
    uintptr_t interpreter;
    if (!reader.word(&interpreter, stack.tstate + walker_.layout().tstate_interp)) {
        stack.flags = STACK_REJECTED;
        return stack;
    }
    if (interpreter != main_interpreter_) {
        stack.flags = STACK_FOREIGN;
        return stack;
    }
    auto count = [&](uintptr_t leaf) {
        stack.frames = 0;
        stack.leaf = leaf;
        auto take = [&](const Frame &frame) {
            if (to)
                to[stack.frames] = frame;
            ++stack.frames;
        };
        return walker_.walk(reader, leaf, max_frames_, take, current_task_frame);
    };
    bool readable;
    uintptr_t leaf = walker_.leaf(reader, stack.tstate, &readable);
    Walk result = readable ? count(leaf) : Walk::rejected;
    if (result == Walk::rejected) {
        if (uintptr_t caller = walker_.leaf_before(reader, stack.tstate))
            result = count(caller);
    }
    if (result == Walk::rejected) {
        stack.frames = 0;
        stack.flags = STACK_REJECTED;
    } else if (result == Walk::empty) {
        stack.flags = STACK_NATIVE;
    } else if (result == Walk::truncated) {
        stack.flags = STACK_TRUNCATED;
    }
    return stack;
}

void OwnStackWalker::copy(const Reader &reader, const OwnStack &stack, Frame *to) const {
    if (stack.frames)
        walker_.walk(reader, stack.leaf, stack.frames, [&](const Frame &frame) { *to++ = frame; });
}

uint32_t OwnStackWalker::labels(const Reader &reader, const OwnStack &stack) const {
    bool unknown = !stack.tstate || (stack.flags & STACK_FOREIGN);
    return with_task(unknown ? NO_LABELS : labels_current(walker_.layout(), reader, stack.tstate));
}

} // namespace whet::probe
