// What a collector is to the service thread: something that is drained, resolved and told of forks.
//
// Events are taken by the program's own threads, in signal handlers, allocator hooks or patched
// calls, where nothing can be named. The service thread drains them now and then without the GIL,
// and calls resolve() with it when a collector says that names are missing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace whet::probe {

class Collector {
  public:
    virtual ~Collector() = default;

    // drain() and resolve() may end by std::bad_alloc: what is left comes in another round. What they could
    // not take is counted as lost.

    // On the service thread, about every 0.1 s or 0.25 s, without the GIL; the place for periodic chores.
    virtual void drain() = 0;
    // Has drain() left something that only resolve() can name? Without the GIL.
    virtual bool wants_python() = 0;
    // With the GIL and without garbage collections, on any thread: name all that was collected.
    virtual void resolve() = 0;

    // With the GIL. Events are counted from 0 as they begin; the code objects that events from
    // resolved_until() on may name are kept alive (code_keeper.hpp).
    virtual uint64_t position() const = 0;
    virtual uint64_t resolved_until() const = 0;
    // With the GIL: this address may soon be another code object's.
    virtual void forget_code(uintptr_t code) = 0;

    // Threads of its own beside the service thread.
    virtual bool start_threads() { return true; }
    virtual void end_threads() {} // without the GIL; returns when they are gone

    // In the thread that forks. The child is not measured: after_fork_in_child puts everything
    // back and takes no lock that a thread of the parent may have held.
    virtual void before_fork() {}
    virtual void after_fork_in_parent() {}
    virtual void after_fork_in_child() = 0;

    // CPU time that the service thread spent on this collector.
    std::atomic<int64_t> service_ns{0};
};

constexpr size_t MAX_COLLECTORS = 8;

} // namespace whet::probe
