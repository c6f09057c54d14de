// Counting allocations: hooks on all three allocator domains of Python, exact and short-lived.
//
// An allocation that one domain passes on to another counts once. Objects that a free list hands
// out again are no allocations, as in the interpreter's own books.
#pragma once

#include <cstdint>

namespace whet::probe {

struct AllocationCount {
    int64_t objects = 0, bytes = 0; // malloc, calloc and realloc calls, and what they asked for

    AllocationCount &operator+=(const AllocationCount &other) {
        objects += other.objects;
        bytes += other.bytes;
        return *this;
    }
};

// Need the GIL. Counts all threads. Starting twice counts anew.
void allocations_start();
// Put the allocators back and return what was counted since the start.
AllocationCount allocations_stop();

} // namespace whet::probe
