// Redirecting libc functions for every loaded object, by their entries in the objects' GOTs.
//
// Sees calls from the interpreter and from extension modules alike and needs neither LD_PRELOAD
// nor relinking. Pages that RELRO made read-only are made so again after the write. Objects
// loaded later are not covered until patch() is called again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace whet::probe {

struct GotSlot {
    uintptr_t *at;
    uintptr_t before;
    uintptr_t after;
    bool relro;
};

// How many objects were loaded and unloaded since the program began.
struct ObjectCount {
    unsigned long long loaded = 0, unloaded = 0;
    bool operator==(const ObjectCount &) const = default;
};

// The function that calls of `symbol` reach, or nullptr. As dlsym() but for programs at a fixed address:
// there a function whose address the program takes is, for everybody, the program's own PLT entry, which
// calls what is in a slot of the program: our replacement, once the slot is redirected.
void *called_function(const char *symbol);

// Symbols, redirected in one pass over the objects. A slot that another tool has redirected
// before us is left alone: its owner keeps working and we do not see its calls. Thread-safe.
class GotPatches {
  public:
    // Both strings and functions outlive the patches. `original` is called_function(symbol).
    void add(const char *symbol, void *replacement, void *original);

    // Redirect the slots of all objects that were not looked at before. Waits for objects that are
    // being loaded. Returns at once when no object came or went since, or when another thread is at it
    // (changed() stays true).
    void patch();
    // Have objects come or gone since patch()? A lock and a look at two counters.
    bool changed();
    // Write the originals back into the slots that still hold our replacements.
    void restore();

    // Slots that another tool holds.
    size_t foreign();

    // In a forked child: another thread may have been at it. Functions stay redirected.
    void forget_after_fork() { new (&mutex_) std::mutex; }

  private:
    struct Target {
        uintptr_t replacement, original;
        uintptr_t known_as; // what dlsym() says, which may be a PLT entry
    };
    struct Range {
        uintptr_t begin, end;
        bool system;
    };
    bool patch_objects(const ObjectCount &counted);
    void redirect(uintptr_t *slot, const Target &target, const Range &own, bool relro);

    std::mutex mutex_;
    std::unordered_map<std::string_view, Target> targets_;
    std::vector<Range> ranges_; // of the objects, while patch() runs
    std::set<uintptr_t> seen_;  // load addresses of objects looked at
    ObjectCount at_;
    std::vector<GotSlot> slots_;
    size_t foreign_ = 0;
};

// Around a fork, in the thread that forks: no other thread is inside the loader's list of objects meanwhile.
void got_before_fork();
void got_after_fork_in_parent();
void got_after_fork_in_child();

} // namespace whet::probe
