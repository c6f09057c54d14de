#include "probe/blocking_threads.hpp"

#include <pthread.h>

#include "probe/thread_names.hpp"

namespace whet::probe {
namespace {

WaitingThread slots[MAX_WAITING_THREADS];
WaitingThread not_recorded; // stands for threads without a slot
std::atomic<size_t> high_water{0};
std::atomic<uint32_t> next_serial{1};
std::atomic<uint64_t> without_slot{0}, ended_calls{0};
std::atomic<int64_t> ended_own_ticks{0};
std::atomic<void (*)(WaitingThread &)> at_end{nullptr};

thread_local WaitingThread *own_slot __attribute__((tls_model("initial-exec"))) = nullptr;

void leave(void *data) {
    auto *slot = static_cast<WaitingThread *>(data);
    own_slot = &not_recorded; // calls made while the thread ends pass
    if (auto *call = at_end.load())
        call(*slot);
    ended_calls.fetch_add(slot->calls.load());
    ended_own_ticks.fetch_add(slot->own_ticks.load());
    slot->begin.store(0);
    slot->serial.store(0, std::memory_order_release);
}

pthread_key_t exit_key() {
    static const pthread_key_t key = [] {
        pthread_key_t made;
        return pthread_key_create(&made, leave) == 0 ? made : static_cast<pthread_key_t>(-1);
    }();
    return key;
}

// A free slot, with a serial of its own.
WaitingThread *take_slot() {
    uint32_t serial = next_serial.fetch_add(1);
    for (size_t i = 0; i < MAX_WAITING_THREADS; ++i) {
        uint32_t free = 0;
        if (!slots[i].serial.compare_exchange_strong(free, serial, std::memory_order_acq_rel))
            continue;
        size_t seen = high_water.load();
        while (seen <= i && !high_water.compare_exchange_weak(seen, i + 1)) {
        }
        return &slots[i];
    }
    return nullptr;
}

WaitingThread *enter() {
    own_slot = &not_recorded; // calls made in here pass
    if (this_thread().ours)
        return nullptr;
    WaitingThread *slot = take_slot();
    if (!slot) {
        without_slot.fetch_add(1);
        return nullptr;
    }
    slot->tid = this_thread().tid;
    slot->busy = slot->met = false;
    slot->gil = nullptr;
    slot->gil_returned = slot->prelude_begin = slot->prelude_end = 0;
    slot->calls.store(0);
    slot->own_ticks.store(0);
    pthread_setspecific(exit_key(), slot);
    own_slot = slot;
    return slot;
}

} // namespace

WaitingThread *waiting_thread() {
    WaitingThread *slot = own_slot;
    if (!slot) [[unlikely]]
        return enter();
    // A thread that Python code of ours started becomes ours after its first wait for the GIL.
    return slot == &not_recorded || this_thread().ours ? nullptr : slot;
}

WaitingThread *waiting_threads_begin() { return slots; }
WaitingThread *waiting_threads_end() { return slots + high_water.load(std::memory_order_acquire); }

uint64_t threads_without_slot() { return without_slot.load(); }
EndedThreads ended_threads() { return {ended_calls.load(), ended_own_ticks.load()}; }
void on_waiting_thread_end(void (*call)(WaitingThread &)) { at_end.store(call); }

void waiting_threads_forget_after_fork() {
    for (WaitingThread *slot = waiting_threads_begin(); slot != waiting_threads_end(); ++slot) {
        slot->begin.store(0);
        slot->gil = nullptr;
        if (slot != own_slot)
            slot->serial.store(0);
    }
    if (own_slot && own_slot != &not_recorded)
        own_slot->tid = this_thread().tid;
}

} // namespace whet::probe
