// Walking the calling thread's own Python stack, from inside a signal handler.
//
// The thread that runs the handler does not run anything else meanwhile, so its frames cannot
// move under the reader: no stack is ever a mixture of two moments. Reads are fault-safe because
// on CPython 3.11 and 3.12 the frame pointer is published a few instructions before it is set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "layout/layout.h"
#include "probe/common/safe_read.hpp"

namespace whet::probe {

struct Frame {
    uintptr_t code;    // PyCodeObject *
    int64_t instr_off; // bytes from the start of the bytecode; may be -2 at function entry
};

enum class Walk { ok, empty, truncated, rejected };

class StackWalker {
  public:
    StackWalker(const whet_layout &layout, uintptr_t code_type) : at_(layout), code_type_(code_type) {}

    // Find the innermost frame of `tstate`. 0 with `ok` false when memory could not be read.
    uintptr_t leaf(const Reader &reader, uintptr_t tstate, bool *ok) const;
    // The caller's frame on 3.11/3.12 in the window where the leaf is not set yet, else 0.
    uintptr_t leaf_before(const Reader &reader, uintptr_t tstate) const;

    // Visit code frames from `frame` to `last`, or to the root where that is not met: sink(Frame) for at
    // most `limit` of them.
    template <class Sink>
    Walk walk(const Reader &reader, uintptr_t frame, size_t limit, Sink &&sink, uintptr_t last = 0) const {
        alignas(8) unsigned char copy[128];
        size_t seen = 0;
        uintptr_t before = 0; // a code object: recursion asks again and again
        // Shim frames are fewer than code frames; the bound makes a cycle end.
        for (size_t steps = 0; frame; ++steps) {
            if (steps > 2 * limit + 16)
                return Walk::rejected;
            if (!reader.read(copy, frame, at_.frame_read_bytes))
                return Walk::rejected;
            unsigned owner = copy[at_.frame_owner];
            if (owner >= sizeof at_.owner_kind || at_.owner_kind[owner] == WHET_FRAME_BAD)
                return Walk::rejected;
            if (at_.owner_kind[owner] == WHET_FRAME_CODE) {
                if (seen == limit)
                    return Walk::truncated;
                uintptr_t code = field(copy, at_.frame_code) & at_.frame_code_mask;
                uintptr_t type;
                if (code != before && (!reader.word(&type, code + at_.object_type) || type != code_type_))
                    return Walk::rejected;
                before = code;
                auto offset = static_cast<int64_t>(field(copy, at_.frame_instr)) -
                              static_cast<int64_t>(code + at_.code_adaptive);
                if (offset < -2 || offset > MAX_BYTECODE || (offset & 1))
                    return Walk::rejected;
                sink(Frame{code, offset});
                ++seen;
            }
            uintptr_t previous = field(copy, at_.frame_previous);
            if (frame == last)
                break;
            if (previous == frame)
                return Walk::rejected;
            frame = previous;
        }
        return seen ? Walk::ok : Walk::empty;
    }

    const whet_layout &layout() const { return at_; }

  private:
    static constexpr int64_t MAX_BYTECODE = int64_t{1} << 30;

    static uintptr_t field(const unsigned char *copy, size_t offset) {
        uintptr_t value;
        __builtin_memcpy(&value, copy + offset, sizeof value);
        return value;
    }

    const whet_layout &at_;
    uintptr_t code_type_;
};

inline uintptr_t StackWalker::leaf(const Reader &reader, uintptr_t tstate, bool *ok) const {
    uintptr_t value = 0;
    *ok = reader.word(&value, tstate + at_.tstate_frame);
    if (!*ok || !at_.tstate_frame_is_cframe)
        return value;
    uintptr_t frame = 0;
    *ok = reader.word(&frame, value + at_.cframe_frame);
    return frame;
}

inline uintptr_t StackWalker::leaf_before(const Reader &reader, uintptr_t tstate) const {
    if (!at_.tstate_frame_is_cframe)
        return 0;
    uintptr_t cframe, previous, frame;
    if (!reader.word(&cframe, tstate + at_.tstate_frame) ||
        !reader.word(&previous, cframe + at_.cframe_previous) ||
        !reader.word(&frame, previous + at_.cframe_frame))
        return 0;
    return frame;
}

} // namespace whet::probe
