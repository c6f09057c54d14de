// Redirecting a libc function for every loaded object, by its entry in their GOTs.
//
// Sees calls from the interpreter and from extension modules alike and needs neither LD_PRELOAD
// nor relinking. Pages that RELRO made read-only are made so again after the write. Objects
// loaded later are not covered until patch() is called again.
#pragma once

#include <cstdint>
#include <vector>

namespace whet::probe {

class GotPatch {
  public:
    // `symbol` must outlive the patch; `original` is set before the first slot is written.
    GotPatch(const char *symbol, void *replacement) : symbol_(symbol), replacement_(replacement) {}

    // Redirect all slots found now; returns how many were redirected.
    int patch();
    // Write the originals back into the slots that still hold our replacement.
    void restore();

  private:
    struct Slot {
        uintptr_t *at;
        uintptr_t before;
        bool relro;
    };
    friend struct GotVisitor;
    const char *symbol_;
    void *replacement_;
    std::vector<Slot> slots_;
};

} // namespace whet::probe
