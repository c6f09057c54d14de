#include <Python.h>

#include "probe/waits/blocking_locks.hpp"

#include <algorithm>
#include <array>
#include <atomic>

#include "probe/common/safe_read.hpp"
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

#if PY_VERSION_HEX >= 0x030E0000

std::array<uintptr_t, 2> lock_types; // Lock, RLock

void learn_lock_types() {
    PyObject *module = PyImport_ImportModule("_thread");
    const std::array names = {"LockType", "RLock"};
    for (size_t i = 0; i < names.size(); ++i) {
        PyObject *type = module ? PyObject_GetAttrString(module, names[i]) : nullptr;
        lock_types[i] = reinterpret_cast<uintptr_t>(type); // they live as long as the interpreter
        Py_XDECREF(type);
    }
    Py_XDECREF(module);
    PyErr_Clear();
}

// From 3.14 on a lock is a byte of its object, and each thread that waits for it has a semaphore, which
// stands behind the byte's address in its struct wait_entry (Python/parking_lot.c). The address if it is that
// of a Lock's or RLock's byte, which come right after the object's head; else 0.
uintptr_t lock_parked_at(uintptr_t semaphore) {
    const Reader reader(fault_guard_is_ours());
    uintptr_t byte, type;
    if (!reader.word(&byte, semaphore - sizeof byte) || byte % alignof(PyObject) ||
        !reader.word(&type, byte - sizeof(PyObject) + offsetof(PyObject, ob_type)))
        return 0;
    return type && (type == lock_types[0] || type == lock_types[1]) ? byte : 0;
}

// Whether the calling thread lets another one go that waits for a condition: it has never had the lock
// that it releases. Whoever releases one without the GIL is not known.
bool gives_a_sign() {
    PyThreadState *state = PyThreadState_GetUnchecked();
    if (!state || !state->current_frame)
        return true;
    PyObject *code = PyUnstable_InterpreterFrame_GetCode(state->current_frame);
    bool gives = code && PyCode_Check(code) &&
                 PyUnicode_CompareWithASCIIString(reinterpret_cast<PyCodeObject *>(code)->co_qualname,
                                                  "Condition.notify") == 0;
    Py_XDECREF(code);
    return gives;
}

#else

void learn_lock_types() {}
uintptr_t lock_parked_at(uintptr_t) { return 0; }
bool gives_a_sign() { return false; }

#endif

} // namespace

void locks_begin() { learn_lock_types(); }

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
    // Where waiters have a semaphore each; else 0.
    const uintptr_t lock = lock_parked_at(at);
    auto each_waiter = [&](auto use) {
        for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t) {
            int64_t begin = t->begin.load(std::memory_order_acquire);
            if (!begin || t->kind.load(std::memory_order_relaxed) != CallKind::semaphore)
                continue;
            uintptr_t object = t->object.load(std::memory_order_relaxed);
            if (object == at || (lock && lock_parked_at(object) == lock))
                use(*t, std::max({begin, since, t->charged_until.load(std::memory_order_relaxed)}));
        }
    };
    auto settle = [&] {
        each_waiter([&](WaitingThread &waiter, int64_t) {
            waiter.charged_until.store(now, std::memory_order_relaxed);
        });
    };
    // A sign for those who wait: who gets the lock next is not to blame for the time until now.
    if (lock ? gives_a_sign() : somebody_elses(self, semaphore))
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
