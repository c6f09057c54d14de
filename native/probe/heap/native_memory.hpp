// Memory that extension modules get from libc themselves: malloc and its kin, and anonymous mmap.
//
// Their calls are redirected by the modules' GOTs (got.hpp). What Python's allocators pass on to
// libc is counted there and not again. Blocks that libc hands out by other ways (strdup, getline)
// pass; so do those that the redirected functions get to see freed but did not hand out.
#pragma once

#include <cstdint>

namespace whet::probe {

// With the GIL.
void native_memory_watch();
void native_memory_unwatch();
// Look at objects that were loaded by unusual ways. Needs no GIL.
void native_memory_rescan();
// GOT entries that another tool holds, whose calls are not seen.
uint64_t native_memory_foreign();
void native_memory_forget_after_fork();

} // namespace whet::probe
