#include <Python.h>

#include "probe/waits/blocking_gil.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <pthread.h>
#include <utility>

#include "probe/common/safe_read.hpp"
#include "probe/waits/blocking_record.hpp"

namespace whet::probe {

std::atomic<bool> gil_calibrating{false};

namespace {

constexpr size_t MAX_GILS = 64;
// What follows on a wait in less time than this is the same wait for the GIL.
constexpr int64_t AT_ONCE_NS = 50'000;

std::array<Gil, MAX_GILS> gils; // 0 is the main interpreter's
std::atomic<size_t> known{0};
std::mutex adding;
uintptr_t switch_distance = 0; // from one condition variable to the other, in every GIL
whet_layout offsets{};
int64_t at_once = 0; // ticks

pthread_t calibrator;
std::array<std::atomic<uintptr_t>, 2> signalled;
std::atomic<size_t> signals{0};

Gil *add_gil(uintptr_t condition) {
    std::lock_guard lock(adding);
    if (Gil *there = gil_waited_for(reinterpret_cast<void *>(condition)))
        return there;
    size_t count = known.load();
    if (count == MAX_GILS)
        return nullptr;
    gils[count].taken_over = condition;
    gils[count].switched = condition + switch_distance;
    gils[count].settled = ticks();
    known.store(count + 1, std::memory_order_release);
    return &gils[count];
}

// A wait that a former recording saw begin is not known to this one.
std::atomic<uint32_t> session{0};
bool waits(const WaitingThread &self) { return self.gil && self.gil_session == session.load(); }

template <class Match> Gil *find(Match match) {
    size_t count = known.load(std::memory_order_acquire);
    for (size_t i = 0; i < count; ++i)
        if (match(gils[i]))
            return &gils[i];
    return nullptr;
}

} // namespace

void gil_note_signal(const void *condition) {
    if (!pthread_equal(pthread_self(), calibrator))
        return;
    size_t at = signals.fetch_add(1);
    if (at < signalled.size())
        signalled[at] = reinterpret_cast<uintptr_t>(condition);
}

bool gil_calibrate(const whet_layout &layout) {
    offsets = layout;
    at_once = ticks_from_ns(AT_ONCE_NS);
    if (known.load() != 0)
        return true;
    calibrator = pthread_self();
    signals = 0;
    gil_calibrating = true;
    PyThreadState *tstate = PyEval_SaveThread();
    PyEval_RestoreThread(tstate);
    gil_calibrating = false;
    // drop_gil() signals the one, take_gil() the other; both lie in the GIL's own structure.
    uintptr_t first = signalled[0], second = signalled[1];
    if (signals.load() < 2 || second <= first || second - first > 256)
        return false;
    switch_distance = second - first;
    return add_gil(first) != nullptr;
}

void gil_forget_waiters() {
    session.fetch_add(1);
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t)
        if (t->kind.load() == CallKind::gil)
            t->begin.store(0);
    int64_t now = ticks();
    for (Gil &gil : gils) {
        gil.waiters = 0;
        gil.uncharged = 0;
        gil.settled = now;
        gil.held = true;
    }
}

Gil *gil_waited_for(const void *condition) {
    auto at = reinterpret_cast<uintptr_t>(condition);
    return find([&](const Gil &gil) { return gil.taken_over.load(std::memory_order_relaxed) == at; });
}

Gil *gil_switched(const void *condition) {
    auto at = reinterpret_cast<uintptr_t>(condition);
    return find([&](const Gil &gil) { return gil.switched.load(std::memory_order_relaxed) == at; });
}

// The mutexes stand beside the condition variables.
bool gil_contains(const void *address) {
    auto at = reinterpret_cast<uintptr_t>(address);
    return find([&](const Gil &gil) {
        uintptr_t first = gil.taken_over.load(std::memory_order_relaxed);
        return at >= first && at < first + 2 * switch_distance;
    });
}

// Interpreters made later may have a GIL of their own (3.12+).
Gil *gil_of_this_thread(const void *condition) {
    if (Gil *gil = gil_waited_for(condition))
        return gil;
    if (!offsets.interp_gil)
        return nullptr;
    Reader reader(fault_guard_is_ours());
    auto tstate = reinterpret_cast<uintptr_t>(PyGILState_GetThisThreadState());
    uintptr_t interpreter, gil;
    if (!tstate || !reader.word(&interpreter, tstate + offsets.tstate_interp) ||
        !reader.word(&gil, interpreter + offsets.interp_gil))
        return nullptr;
    auto at = reinterpret_cast<uintptr_t>(condition);
    return gil && gil + offsets.gil_condition == at ? add_gil(at) : nullptr;
}

void gil_wait_begins(WaitingThread &self, Gil &gil) {
    if (waits(self))
        return; // the same wait goes on
    int64_t now = ticks();
    bool continues = self.prelude_end && now - self.prelude_end < at_once;
    int64_t begin = continues ? self.prelude_begin : now;
    self.prelude_end = 0;
    self.gil = &gil;
    self.gil_session = session.load();
    self.wait_number.store(self.wait_number.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    self.kind.store(CallKind::gil, std::memory_order_relaxed);
    self.object.store(reinterpret_cast<uintptr_t>(&gil), std::memory_order_relaxed);
    self.begin.store(begin, std::memory_order_release);
    gil.settle(now);
    ++gil.waiters;
}

void gil_wait_returns(WaitingThread &self) { self.gil_returned = ticks(); }

void gil_taken(WaitingThread *self, Gil &gil) {
    // Nobody waits, and nobody did: no need to know the time.
    if (gil.waiters == 0 && !(self && self->gil)) {
        gil.held = true;
        return;
    }
    // Between release and taking nobody kept anybody waiting.
    int64_t now = ticks();
    gil.settle(now);
    gil.held = true;
    if (!self)
        return;
    bool waited = waits(*self) && self->gil == &gil;
    self->gil = nullptr;
    if (!waited)
        return;
    --gil.waiters;
    int64_t begin = self->begin.load(std::memory_order_relaxed);
    self->begin.store(0, std::memory_order_release);
    record_wait(*self, CallKind::gil, 0, {begin, now});
}

void gil_released(WaitingThread *self, Gil &gil) {
    if (gil.waiters <= 0 && gil.uncharged == 0) {
        gil.held = false;
        return;
    }
    int64_t now = ticks();
    gil.settle(now);
    gil.held = false;
    // What is short is left to a later release: over many, each holder is charged in proportion
    // to what it caused. The more waiters, the sooner would it add up.
    int64_t quantum = 10 * blocking_state.threshold.load(std::memory_order_relaxed);
    if (gil.uncharged < quantum * std::max(gil.waiters, 1))
        return;
    int64_t count = gil.uncharged;
    gil.uncharged = 0;
    if (self)
        record_gil_release(*self, count);
}

bool gil_passes_unnoticed(const void *condition) {
    Gil &gil = gils[0];
    auto at = reinterpret_cast<uintptr_t>(condition);
    if (gil.taken_over.load(std::memory_order_relaxed) == at) {
        if (gil.waiters > 0 || gil.uncharged != 0)
            return false;
        gil.held = false;
        return true;
    }
    if (gil.switched.load(std::memory_order_relaxed) != at || gil.waiters != 0)
        return false;
    gil.held = true;
    return true;
}

void gil_prelude_returns(WaitingThread &self, int64_t begin) {
    int64_t now = ticks();
    if (now - begin < blocking_state.threshold.load(std::memory_order_relaxed)) {
        self.prelude_begin = begin;
        self.prelude_end = now;
        return;
    }
    record_wait(self, CallKind::gil, 0, {begin, now});
}

void gil_wait_abandoned(WaitingThread &self) {
    bool waited = waits(self);
    Gil *gil = std::exchange(self.gil, nullptr);
    if (!waited)
        return;
    if (gil->waiters > 0)
        --gil->waiters;
    int64_t begin = self.begin.load(std::memory_order_relaxed);
    self.begin.store(0, std::memory_order_release);
    record_wait(self, CallKind::gil, 0, {begin, self.gil_returned});
}

} // namespace whet::probe
