#include <Python.h>

#include "probe/common/code_keeper.hpp"

#include <array>
#include <atomic>
#include <deque>

#include "probe/common/memory_fails.hpp"
#include "probe/common/service.hpp"

namespace whet::probe {
namespace {

struct Kept {
    PyObject *code;
    std::array<uint64_t, MAX_COLLECTORS> positions; // of each collector when it was to be freed
};

destructor original = nullptr;
std::deque<Kept> *kept = new std::deque<Kept>;
std::atomic<size_t> kept_count{0};
PyObject *being_freed = nullptr; // under the GIL

void keep_for_a_moment(PyObject *code) {
    // Another interpreter's objects must be freed under its own GIL; its stacks are not read.
    if (code == being_freed || PyInterpreterState_Get() != PyInterpreterState_Main()) {
        original(code);
        return;
    }
    Py_SET_REFCNT(code, 1);
    Kept entry{code, {}};
    for (size_t i = 0; i < MAX_COLLECTORS; ++i)
        if (Collector *collector = service_collector(i))
            entry.positions[i] = collector->position();
    // Without room in the queue it is kept for good: a sample may name it.
    unless_memory_fails([&] { kept->push_back(entry); });
    kept_count.store(kept->size(), std::memory_order_release);
}

bool unnamed(const Kept &entry) {
    for (size_t i = 0; i < MAX_COLLECTORS; ++i) {
        Collector *collector = service_collector(i);
        if (collector && collector->resolved_until() < entry.positions[i])
            return false;
    }
    return true;
}

void free_first() {
    PyObject *code = kept->front().code;
    kept->pop_front();
    // A weak reference may have brought it back to life meanwhile; then it comes again.
    if (Py_REFCNT(code) == 1) {
        for (size_t i = 0; i < MAX_COLLECTORS; ++i)
            if (Collector *collector = service_collector(i))
                collector->forget_code(reinterpret_cast<uintptr_t>(code));
        being_freed = code;
    }
    // Code objects among its constants are kept in their turn: they may have run since.
    Py_DECREF(code);
    being_freed = nullptr;
}

} // namespace

void code_keeper_install() {
    if (PyCode_Type.tp_dealloc == keep_for_a_moment)
        return;
    original = PyCode_Type.tp_dealloc;
    PyCode_Type.tp_dealloc = keep_for_a_moment;
}

void code_keeper_release() {
    while (!kept->empty() && unnamed(kept->front()))
        free_first();
    kept_count.store(kept->size(), std::memory_order_release);
}

bool code_keeper_has_work() { return kept_count.load(std::memory_order_acquire) != 0; }

void code_keeper_forget_place(size_t place) {
    for (Kept &entry : *kept)
        entry.positions[place] = 0;
}

void code_keeper_remove() {
    while (!kept->empty())
        free_first();
    kept_count.store(0, std::memory_order_release);
    if (original && PyCode_Type.tp_dealloc == keep_for_a_moment)
        PyCode_Type.tp_dealloc = original;
}

void code_keeper_forget_after_fork() {
    if (original && PyCode_Type.tp_dealloc == keep_for_a_moment)
        PyCode_Type.tp_dealloc = original;
    kept = new std::deque<Kept>;
    kept_count = 0;
    being_freed = nullptr;
}

} // namespace whet::probe
