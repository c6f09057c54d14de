// One heap recording: its book, its names, and the heap's mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "layout/layout.h"
#include "probe/common/collector.hpp"
#include "probe/common/own_stack.hpp"
#include "probe/common/stack_table.hpp"
#include "probe/common/thread_names.hpp"
#include "probe/heap/heap.hpp"
#include "probe/heap/heap_book.hpp"
#include "probe/heap/heap_events.hpp"
#include "probe/heap/heap_turns.hpp"
#include "probe/heap/heap_types.hpp"

namespace whet::probe {

// Take the heap's mutex. Whoever holds it waits for nobody, so it may be waited for with the GIL.
// What the holder allocates is not counted, and what it frees was never sampled.
void heap_hold();
void heap_let_go();

// Have the calling thread's allocations and frees pass unseen, and end that.
void heap_step_aside();
void heap_step_back();
// In a forked child: nobody holds the mutex.
void heap_mutex_forget_after_fork();

class HeapHeld {
  public:
    HeapHeld() { heap_hold(); }
    ~HeapHeld() { heap_let_go(); }
    HeapHeld(const HeapHeld &) = delete;
    HeapHeld &operator=(const HeapHeld &) = delete;
};

// Have all threads draw anew; `on` false ends sampling. Holding the mutex.
void heap_change_epoch(bool on);

class HeapSession final : public Collector {
  public:
    HeapSession(const HeapOptions &options, const whet_layout &layout);

    // A block was sampled by the calling thread; its hook has counted so much. Holding the mutex.
    // Without memory for it, it is counted as lost; see HeapBook::is_whole() for what may come of it.
    void sample(void *block, size_t size, int64_t mean, int64_t counted);

    void drain() override;
    bool wants_python() override;
    void resolve() override;
    uint64_t position() const override { return begun_.load(std::memory_order_acquire); }
    uint64_t resolved_until() const override { return resolved_until_; }
    void forget_code(uintptr_t code) override;
    void before_fork() override;
    void after_fork_in_parent() override;
    void after_fork_in_child() override;

    // With the GIL. `get_objects` may be nullptr: then no types are found.
    // From now on write() knows the types that blocks have now.
    void keep_types(_object *get_objects);
    // What was allocated since the start, or with `ends_window` since the last such call, and what is in use.
    std::string write(const std::vector<std::string> &comments, _object *get_objects, bool ends_window,
                      bool merges);
    std::string write_peak(const std::vector<std::string> &comments);

    const HeapOptions options;
    HeapBook book;                             // under the mutex, like what follows
    uint32_t first_epoch = 0;                  // what threads drew before is of other recordings
    int64_t sampling_ns = 0;                   // spent in sample()
    int64_t types_ns = 0;                      // spent in looking for types, under the GIL
    double hooked_small = 0, hooked_large = 0; // blocks that came to hooks, about
    HeapTurns turns;                           // under the GIL
    std::vector<HeapMoment> series;

    std::atomic<uint64_t> mended{0};
    std::atomic<bool> watches_native{false}; // libc's calls are redirected
    int64_t started_wall_ns = 0, started_mono_ns = 0, stopped_mono_ns = 0;
    uint64_t native_foreign = 0;
    int hooks_left = 0; // below other tools' hooks, when it was stopped
    // A pair of allocation and free costs that much more with hooks.
    double small_hook_ns = 0, large_hook_ns = 0;
    std::atomic<double> most_samples_per_s{0}; // 0: as many as the mean interval gives

  private:
    class Writer;

    void take(void *block, size_t size, int64_t mean, int64_t counted);
    void name_threads();
    void name_locations();
    void compact_names();
    void note_moment();
    void keep_pace();
    bool keeps_pace() const { return most_samples_per_s.load(std::memory_order_relaxed) != 0; }
    HeapTypes look_for_types(_object *get_objects, int64_t limit_ns);
    int64_t elapsed_ns() const;
    bool is_whole() const;

    OwnStackWalker walker_;
    std::vector<Frame> frames_;
    std::vector<std::pair<uint32_t, pid_t>> new_threads_; // under the mutex
    FlatMap seen_threads_;                                // under the mutex
    std::atomic<bool> guarded_{true};
    std::atomic<uint64_t> begun_{0};
    // What follows is under the GIL.
    uint64_t resolved_until_ = 0;
    std::unique_ptr<StackTable> names_;
    ThreadNames thread_names_;
    HeapTypes kept_types_;
    int64_t window_begin_ns_ = 0; // after the start
    FlatMap thread_of_name_;      // thread name -> the serial that stands for it
    // The service thread's own.
    uint64_t drains_ = 0;
    uint64_t moment_every_ = 1;
    uint64_t paced_ = 0;     // samples that keep_pace() knows of
    double samples_due_ = 0; // that may still be taken
    int64_t paced_ns_ = 0;
    uint64_t random_; // for thinning
    std::atomic<bool> time_to_mend_{false};
};

} // namespace whet::probe
