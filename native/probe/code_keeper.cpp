#include <Python.h>

#include "probe/code_keeper.hpp"

#include <atomic>
#include <deque>

namespace whet::probe {
namespace {

struct Kept {
    PyObject *code;
    uint64_t position;
};

destructor original = nullptr;
std::deque<Kept> *kept = new std::deque<Kept>;
std::atomic<size_t> kept_count{0};
uint64_t (*ring_position)() = nullptr;
CodeFreed on_freed = nullptr;
PyObject *being_freed = nullptr; // under the GIL

void keep_for_a_moment(PyObject *code) {
    // Another interpreter's objects must be freed under its own GIL; its stacks are not read.
    if (code == being_freed || PyInterpreterState_Get() != PyInterpreterState_Main()) {
        original(code);
        return;
    }
    Py_SET_REFCNT(code, 1);
    kept->push_back({code, ring_position()});
    kept_count.store(kept->size(), std::memory_order_release);
}

} // namespace

void code_keeper_install(uint64_t (*position)(), CodeFreed freed) {
    ring_position = position;
    on_freed = freed;
    if (PyCode_Type.tp_dealloc == keep_for_a_moment)
        return;
    original = PyCode_Type.tp_dealloc;
    PyCode_Type.tp_dealloc = keep_for_a_moment;
}

void code_keeper_release(uint64_t consumed) {
    while (!kept->empty() && kept->front().position <= consumed) {
        PyObject *code = kept->front().code;
        kept->pop_front();
        // A weak reference may have brought it back to life meanwhile; then it comes again.
        if (Py_REFCNT(code) == 1) {
            on_freed(reinterpret_cast<uintptr_t>(code));
            being_freed = code;
        }
        // Code objects among its constants are kept in their turn: they may have run since.
        Py_DECREF(code);
        being_freed = nullptr;
    }
    kept_count.store(kept->size(), std::memory_order_release);
}

bool code_keeper_has_work() { return kept_count.load(std::memory_order_acquire) != 0; }

void code_keeper_remove() {
    code_keeper_release(UINT64_MAX);
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
