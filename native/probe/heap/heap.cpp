#include <Python.h>

#include "probe/heap/heap.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "probe/common/clock.hpp"
#include "probe/common/interpreter.hpp"
#include "probe/common/memory_fails.hpp"
#include "probe/common/safe_read.hpp"
#include "probe/common/service.hpp"
#include "probe/common/thread_names.hpp"
#include "probe/heap/heap_events.hpp"
#include "probe/heap/heap_hooks.hpp"
#include "probe/heap/heap_session.hpp"
#include "probe/heap/native_memory.hpp"
#include "probe/heap/poisson.hpp"

namespace whet::probe {

constinit thread_local HeapThread heap_thread __attribute__((tls_model("initial-exec")));
std::atomic<uint32_t> heap_epoch{0};
std::atomic<uint32_t> heap_small_shift{0};
std::atomic<bool> heap_small_away{false};
LiveFilter heap_filter;

namespace {

HeapSession *running = nullptr; // under the heap's mutex
HeapSession *last = nullptr;    // under the GIL: running or stopped, for reading
uint32_t last_epoch = 0;        // under the heap's mutex

void draw_anew(HeapThread &thread) {
    if (!thread.random) {
        thread.random =
            static_cast<uint64_t>(clock_ns(CLOCK_MONOTONIC)) ^ reinterpret_cast<uintptr_t>(&thread);
        thread.random |= 1;
        for (int i = 0; i < 4; ++i)
            draw(&thread.random);
    }
    thread.countdown = draw_gap(&thread.random, thread.mean);
}

} // namespace

void heap_change_epoch(bool on) { heap_epoch.store(on ? ++last_epoch : 0, std::memory_order_release); }

void heap_sampled(void *block, size_t size, int64_t counted) {
    HeapThread &thread = heap_thread;
    uint32_t epoch = heap_epoch.load(std::memory_order_acquire);
    if (std::exchange(thread.asked, false)) {
        thread.heard = size;
        thread.epoch = 0;
        thread.countdown = 0;
        return;
    }
    if (!epoch) {
        thread.epoch = 0;
        thread.countdown = INT64_MAX;
        return;
    }
    if (thread.epoch != epoch) {
        {
            HeapHeld held;
            if (!running)
                return;
            thread.epoch = heap_epoch.load(std::memory_order_relaxed);
            thread.mean = running->book.mean();
        }
        draw_anew(thread);
        thread.countdown -= counted;
        if (thread.countdown > 0)
            return;
    }
    const int64_t mean = thread.mean;
    epoch = thread.epoch;
    draw_anew(thread);
    if (thread.holding || this_thread().ours)
        return;
    ready_to_throw(); // now: constructors of libraries that are being loaded allocate, too
    HeapHeld held;
    if (!running || epoch < running->first_epoch)
        return;
    running->sample(block, size, mean, counted);
    if (!running->book.is_whole())
        heap_change_epoch(false);
}

Released heap_forget(void *block) {
    if (heap_thread.holding)
        return {};
    HeapHeld held;
    if (!running || !running->book.is_whole())
        return {};
    return {running->book.forget(reinterpret_cast<uintptr_t>(block)),
            heap_epoch.load(std::memory_order_relaxed)};
}

void heap_remember(const Released &released) {
    ready_to_throw();
    HeapHeld held;
    if (running && released.epoch == heap_epoch.load(std::memory_order_relaxed))
        unless_memory_fails([&] { running->book.remember(released.entry); },
                            [&] { running->book.lose(released.entry.size); });
}

// ---- fork -------------------------------------------------------------------------------------

// Meanwhile the thread that forks, which is all there is of the child, passes through the hooks:
// handlers of others may allocate before ours is called, and somebody may hold the mutex. It is not
// taken here, because such handlers may also wait for threads that need it.
void HeapSession::before_fork() { heap_step_aside(); }

void HeapSession::after_fork_in_parent() { heap_step_back(); }

// The hooks stay as a pass-through: taking them away needs the GIL, which a child of fork() in C
// may not have. The recording is left where it lies.
void HeapSession::after_fork_in_child() {
    heap_epoch.store(0);
    running = last = nullptr;
    heap_mutex_forget_after_fork();
    heap_step_back();
    heap_filter.forget_all();
    native_memory_forget_after_fork();
}

// ---- what hooks cost --------------------------------------------------------------------------

namespace {

constexpr int PAIRS = 2000, ROUNDS = 5;
constexpr size_t SMALL_BYTES = 32, LARGE_BYTES = 2 * HEAP_SMALL_BYTES;
// Between other work a hook finds less of itself in the caches than in the loop that measures it: of a web
// server's requests it takes four to seven times as much.
constexpr double OUT_OF_CACHE = 4;

// Nanoseconds of an allocation and its free, the best of some rounds.
double pair_ns(size_t size) {
    int64_t best = INT64_MAX;
    for (int round = 0; round < ROUNDS; ++round) {
        int64_t begin = clock_ns(CLOCK_MONOTONIC);
        for (int i = 0; i < PAIRS; ++i)
            PyObject_Free(PyObject_Malloc(size));
        best = std::min(best, clock_ns(CLOCK_MONOTONIC) - begin);
    }
    return static_cast<double>(best) / PAIRS;
}

// With hooks in place and sampling on; this thread takes no sample meanwhile.
double hooked_pair_ns(size_t size) {
    HeapThread &thread = heap_thread;
    thread.epoch = heap_epoch.load(std::memory_order_relaxed);
    thread.countdown = INT64_MAX;
    double ns = pair_ns(size);
    thread.epoch = 0;
    thread.countdown = 0;
    return ns;
}

} // namespace

// ---- start and stop ---------------------------------------------------------------------------

namespace {

// With this interval a sample's place, about half a KiB, is less than a hundredth of what it stands for.
constexpr int64_t PLACING_MEAN_BYTES = 64 << 10;

} // namespace

bool heap_running() { return running != nullptr; }

void heap_take_turns(unsigned shift) {
    if (running)
        running->turns.begin(shift, static_cast<uint64_t>(clock_ns(CLOCK_MONOTONIC)));
}

std::string heap_start(const HeapOptions &options) {
    if (running)
        return "a heap recording is running in this process already";
    std::string why_not;
    const whet_layout *layout = guarded_interpreter(&why_not);
    if (!layout)
        return why_not;
    delete last;
    last = nullptr;
    auto s = std::make_unique<HeapSession>(options, *layout);
    s->started_wall_ns = clock_ns(CLOCK_REALTIME);
    s->started_mono_ns = clock_ns(CLOCK_MONOTONIC);
    // Served first: from the first sample on, code objects must be kept.
    if (!service_join(*s)) {
        fault_guard_remove();
        return "no thread can be started";
    }
    static const double small_ns = pair_ns(SMALL_BYTES), large_ns = pair_ns(LARGE_BYTES);
    last = s.release();
    if (options.native) {
        native_memory_watch();
        last->watches_native.store(true, std::memory_order_release);
    }
    if (!heap_hooks_ensure(options.mean_bytes >= PLACING_MEAN_BYTES)) {
        heap_stop();
        return "other tools have replaced Python's allocators too often";
    }
    heap_filter.forget_all(); // nothing is sampled now
    heap_small_shift.store(0, std::memory_order_relaxed);
    {
        HeapHeld held;
        heap_change_epoch(true);
        last->first_epoch = last_epoch;
        running = last;
    }
    static const double hooked_small_ns = hooked_pair_ns(SMALL_BYTES),
                        hooked_large_ns = hooked_pair_ns(LARGE_BYTES);
    last->small_hook_ns = OUT_OF_CACHE * std::max(hooked_small_ns - small_ns, 0.0);
    last->large_hook_ns = OUT_OF_CACHE * std::max(hooked_large_ns - large_ns, 0.0);
    return {};
}

void heap_keep_pace(double samples_per_s) {
    if (running)
        running->most_samples_per_s.store(samples_per_s, std::memory_order_relaxed);
}

void heap_stop(PyObject *get_objects) {
    if (!last || last->stopped_mono_ns)
        return;
    // While frees are still noticed: a block that is listed is what it was.
    unless_memory_fails([&] { last->keep_types(get_objects); });
    last->turns.begin(0, 0);
    last->stopped_mono_ns = clock_ns(CLOCK_MONOTONIC);
    {
        HeapHeld held;
        heap_change_epoch(false);
        running = nullptr;
    }
    if (last->watches_native.exchange(false)) {
        last->native_foreign = native_memory_foreign();
        native_memory_unwatch();
    }
    last->hooks_left = heap_hooks_remove();
    service_resolve();
    service_leave(*last);
    fault_guard_remove();
}

void heap_forget_hooks() {
    if (!running)
        heap_hooks_remove();
}

// ---- reading ----------------------------------------------------------------------------------

namespace {

// Name what the recording that runs has collected.
void resolve_running() {
    if (running)
        service_resolve();
}

} // namespace

std::string heap_profile(const std::vector<std::string> &comments, PyObject *get_objects, bool ends_window,
                         bool merges) {
    resolve_running();
    return last ? last->write(comments, get_objects, ends_window, merges) : std::string();
}

std::string heap_peak_profile(const std::vector<std::string> &comments) {
    resolve_running();
    return last ? last->write_peak(comments) : std::string();
}

std::map<std::string, double> heap_statistics() {
    if (!last)
        return {};
    HeapSession &s = *last;
    HeapHeld held;
    HeapTotals t = s.book.totals();
    int64_t end = s.stopped_mono_ns ? s.stopped_mono_ns : clock_ns(CLOCK_MONOTONIC);
    return {
        {"mean_bytes", static_cast<double>(s.book.mean())},
        {"samples", static_cast<double>(t.samples)},
        {"alloc_objects", t.allocated.objects},
        {"alloc_bytes", t.allocated.bytes},
        {"inuse_objects", t.live.objects},
        {"inuse_bytes", t.live.bytes},
        {"peak_objects", t.peak.objects},
        {"peak_bytes", t.peak.bytes},
        {"live_samples", static_cast<double>(s.book.live().size())},
        {"stacks", static_cast<double>(s.book.stacks().nodes())},
        {"folds", static_cast<double>(t.folds)},
        {"folded_objects", t.folded.objects},
        {"folded_bytes", t.folded.bytes},
        {"unlabelled_bytes", t.unlabelled.bytes},
        {"lost_objects", t.lost.objects},
        {"lost_bytes", t.lost.bytes},
        {"rate_raised", static_cast<double>(t.thinnings)},
        {"hooks_mended", static_cast<double>(s.mended.load())},
        {"hooks_left", static_cast<double>(s.hooks_left)},
        {"native_foreign", static_cast<double>(s.native_foreign)},
        {"own_bytes", static_cast<double>(s.book.bytes() + sizeof heap_filter)},
        {"budget_bytes", static_cast<double>(s.options.budget_bytes)},
        {"duration_ns", static_cast<double>(end - s.started_mono_ns)},
        {"sampling_ns", static_cast<double>(s.sampling_ns)},
        {"service_ns", static_cast<double>(s.service_ns.load())},
        {"types_ns", static_cast<double>(s.types_ns)},
        {"hooks_ns", s.small_hook_ns * s.hooked_small + s.large_hook_ns * s.hooked_large},
        {"small_each", static_cast<double>(uint64_t{1} << s.turns.shift())},
    };
}

std::vector<HeapMoment> heap_series() {
    if (!last)
        return {};
    HeapHeld held;
    return last->series;
}

} // namespace whet::probe
