#include "probe/waits/blocking_locks.hpp"

#include <algorithm>
#include <array>
#include <atomic>

#include "probe/waits/blocking_record.hpp"

namespace whet::probe {
namespace {

constexpr size_t PLACES = 4096;
std::array<std::atomic<uint64_t>, PLACES> owners;  // (semaphore, serial's low bits), the newest
std::array<std::atomic<uint16_t>, PLACES> waiters; // by place

size_t place_of(const void *semaphore) {
    auto at = reinterpret_cast<uintptr_t>(semaphore);
    return (at * 0x9E3779B97F4A7C15ULL) >> 52;
}
static_assert(PLACES == 1 << 12);

// User addresses have 47 bits, or 48 on aarch64; semaphores are aligned by 16 bytes or 8.
uint64_t owner_entry(const void *semaphore, uint32_t serial) {
    return (reinterpret_cast<uintptr_t>(semaphore) >> 3 << 19) | (serial & 0x7ffff);
}

bool somebody_elses(const WaitingThread &self, const void *semaphore) {
    uint64_t entry = owners[place_of(semaphore)].load(std::memory_order_relaxed);
    uint64_t mine = owner_entry(semaphore, self.serial.load(std::memory_order_relaxed));
    return entry >> 19 == mine >> 19 && entry != mine;
}

} // namespace

void lock_acquired(const WaitingThread &self, const void *semaphore) {
    owners[place_of(semaphore)].store(owner_entry(semaphore, self.serial.load(std::memory_order_relaxed)),
                                      std::memory_order_relaxed);
}

LockWaiter::LockWaiter(const void *semaphore) : semaphore_(semaphore) {
    waiters[place_of(semaphore)].fetch_add(1);
}
LockWaiter::~LockWaiter() { waiters[place_of(semaphore_)].fetch_sub(1); }

bool lock_is_waited_for(const void *semaphore) {
    return waiters[place_of(semaphore)].load(std::memory_order_relaxed) != 0;
}

void lock_released(WaitingThread &self, const void *semaphore) {
    int64_t now = ticks(), since = blocking_state.since.load(std::memory_order_relaxed);
    auto at = reinterpret_cast<uintptr_t>(semaphore);
    auto each_waiter = [&](auto use) {
        for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t) {
            int64_t begin = t->begin.load(std::memory_order_acquire);
            if (begin && t->object.load(std::memory_order_relaxed) == at &&
                t->kind.load(std::memory_order_relaxed) == CallKind::semaphore)
                use(*t, std::max({begin, since, t->charged_until.load(std::memory_order_relaxed)}));
        }
    };
    auto settle = [&] {
        each_waiter([&](WaitingThread &waiter, int64_t) {
            waiter.charged_until.store(now, std::memory_order_relaxed);
        });
    };
    // A sign for those who wait: who gets the lock next is not to blame for the time until now.
    if (somebody_elses(self, semaphore))
        return settle();
    int64_t waited = 0, longest = 0;
    WaitingThread *first = nullptr;
    each_waiter([&](WaitingThread &waiter, int64_t from) {
        waited += now - from;
        int64_t begin = waiter.begin.load(std::memory_order_relaxed);
        if (begin && now - begin > longest) {
            longest = now - begin;
            first = &waiter;
        }
    });
    // Shorter holds are left to a later release: over many, each is charged in proportion.
    if (!first || waited < blocking_state.threshold.load(std::memory_order_relaxed) / 2)
        return;
    settle();
    record_unlock(self, *first, waited);
}

} // namespace whet::probe
