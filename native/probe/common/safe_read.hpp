// Fault-safe reads of memory that may not be there.
//
// A read is a plain load between two labels; a SIGSEGV or SIGBUS whose instruction pointer lies
// between them is turned into "the read failed" by moving the instruction pointer to a landing
// pad (as HotSpot's SafeFetch does). No setjmp, no thread-local state, 1-4 ns. Where somebody
// else has taken the SIGSEGV handler over, reads go through process_vm_readv instead.
#pragma once

#include <cstddef>
#include <cstdint>

namespace whet::probe {

// Install the fault handler, or take it over again; false if the kernel refuses. Each collector
// that reads calls it once; with the GIL.
bool fault_guard_install();
// With the last collector's: put the previous handlers back, unless somebody else has replaced ours.
void fault_guard_remove();
void fault_guard_forget_after_fork();
// True while a fault inside safe_read() comes to us. Async-signal-safe.
bool fault_guard_is_ours();

// Reads bytes of this process; `guarded` says which of the two ways to use.
class Reader {
  public:
    explicit Reader(bool guarded) : guarded_(guarded) {}

    // Copy `size` bytes (a multiple of 8) from `address`; false if they cannot be read.
    // Async-signal-safe.
    bool read(void *to, uintptr_t address, size_t size) const;

    bool word(uintptr_t *to, uintptr_t address) const { return read(to, address, sizeof *to); }

  private:
    bool guarded_;
};

} // namespace whet::probe
