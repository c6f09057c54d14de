#include <Python.h>

#include "probe/bench/bench_timer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <structmember.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "probe/bench/allocations.hpp"
#include "probe/bench/machine_speed.hpp"
#include "probe/common/clock.hpp"

namespace whet::probe {
namespace {

// Waiting that is shorter than this is how clocks are read, not somebody else's work.
constexpr int64_t STOLEN_FROM = 20'000;
// Disturbed slices get this many times the budget on top of it, in the hope of better moments.
constexpr int64_t WAITS_FOR_QUIET = 2;
// A reference that is older says nothing about now.
constexpr int64_t REFERENCE_KEEPS = 100'000;
// Growing faster than this would trust one short, cold slice too much.
constexpr int64_t MAX_GROWTH = 10;
// With the timer stopped most of the time, a slice and the whole loop may take this many times what
// is measured of them.
constexpr int64_t PATIENCE = 10;

int64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }

struct Slice {
    int64_t iterations;
    int64_t elapsed_ns;
    int64_t delay_ns;     // in the run queue or stolen by the hypervisor, -1 where nobody says
    int64_t end_ns;       // on the monotonic clock
    int64_t reference_ns; // the slower one of the reference works before and after
};

// What tells waiting for a CPU from working and from waiting by one's own choice.
struct Standing {
    int64_t at_ns;
    int64_t cpu_ns;
    int64_t queued_ns; // -1 where the kernel does not say
    long own_waits;
};

enum class Phase : int { idle, growing, measuring, done };

struct BenchTimer {
    PyObject_HEAD;
    // The plan.
    int64_t slice_ns;
    int64_t budget_ns;
    int64_t fixed;        // iterations to make; 0: as many as the budget allows
    int64_t slow_from_ns; // of the reference work: the machine is not at its full speed; 0: unknown
    bool counting;        // allocations, instead of time
    // The clock.
    bool running;
    int64_t begin_ns, carried_ns;
    Standing before;
    int64_t reference_ns, reference_at_ns;
    int schedstat;
    // The loop.
    Phase phase;
    bool by_call; // of loop(), not by iteration
    int64_t left, slice_iterations, iterations, spent_ns, lost_ns, loop_begin_ns;
    std::vector<Slice> *slices;
    AllocationCount allocations;
    int64_t counted_iterations;
};

int64_t run_delay_ns(int descriptor) {
    char text[96];
    ssize_t size = descriptor < 0 ? -1 : pread(descriptor, text, sizeof text - 1, 0);
    if (size <= 0)
        return -1;
    text[size] = 0;
    char *end;
    std::strtoll(text, &end, 10);
    return std::strtoll(end, nullptr, 10);
}

Standing standing(int schedstat) {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return {now_ns(), clock_ns(CLOCK_THREAD_CPUTIME_ID), run_delay_ns(schedstat), usage.ru_nvcsw};
}

// Nanoseconds for which the thread could not have a CPU, or -1. Without a wait of its own, whatever was
// not spent on a CPU was taken from it, by the hypervisor too.
int64_t delay_between(const Standing &before, const Standing &after) {
    bool told = before.queued_ns >= 0 && after.queued_ns >= 0;
    int64_t queued = told ? after.queued_ns - before.queued_ns : 0;
    int64_t missing = (after.at_ns - before.at_ns) - (after.cpu_ns - before.cpu_ns);
    if (after.own_waits == before.own_waits)
        return missing > STOLEN_FROM ? std::max(queued, missing) : queued;
    return told ? queued : -1;
}

void refresh_reference(BenchTimer *t) {
    t->reference_ns = reference_work_ns();
    t->reference_at_ns = now_ns();
}

void start(BenchTimer *t) {
    if (t->running)
        return;
    t->running = true;
    if (t->counting && t->phase == Phase::measuring)
        allocations_start();
    t->begin_ns = now_ns();
}

void stop(BenchTimer *t) {
    if (!t->running)
        return;
    t->carried_ns += now_ns() - t->begin_ns;
    t->running = false;
    if (t->counting && t->phase == Phase::measuring)
        t->allocations += allocations_stop();
}

void begin_slice(BenchTimer *t, int64_t iterations) {
    if (t->fixed)
        iterations = std::min(iterations, t->fixed - t->iterations);
    t->slice_iterations = iterations;
    t->left = iterations;
    t->carried_ns = 0;
    t->running = false;
    if (now_ns() - t->reference_at_ns > REFERENCE_KEEPS)
        refresh_reference(t);
    t->before = standing(t->schedstat);
    start(t);
}

// How far the slice that has ended was from the length it should have: 1 is just right.
double fullness(const BenchTimer *t) {
    auto wanted = static_cast<double>(t->slice_ns);
    double measured = static_cast<double>(t->carried_ns) / wanted;
    double passed = static_cast<double>(now_ns() - t->before.at_ns) / wanted / PATIENCE;
    return std::max({measured, passed, 1e-9});
}

// How many iterations the next slice gets.
int64_t next_length(const BenchTimer *t, double full) {
    double growth = std::min(1 / full, static_cast<double>(MAX_GROWTH));
    return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(t->slice_iterations) * growth));
}

// Keep the slice that has ended. Time without a CPU is not time spent measuring.
void keep_slice(BenchTimer *t) {
    Standing after = standing(t->schedstat);
    int64_t delay = delay_between(t->before, after);
    int64_t reference = t->reference_ns;
    refresh_reference(t);
    reference = std::max(reference, t->reference_ns);
    t->slices->push_back({t->slice_iterations, t->carried_ns, delay, after.at_ns, reference});
    bool disturbed = delay > 0 || (t->slow_from_ns && reference >= t->slow_from_ns);
    bool waits = disturbed && t->lost_ns < WAITS_FOR_QUIET * t->budget_ns;
    (waits ? t->lost_ns : t->spent_ns) += t->carried_ns;
    t->counted_iterations += t->slice_iterations;
}

// The loop asks for more than the slice has. Returns whether there is more.
bool next_slice(BenchTimer *t) {
    if (t->phase == Phase::idle) {
        t->loop_begin_ns = now_ns();
        t->phase = Phase::growing;
        begin_slice(t, 1);
        return true;
    }
    if (t->phase == Phase::done)
        return false;
    stop(t);
    double full = fullness(t);
    t->iterations += t->slice_iterations;
    int64_t length = t->slice_iterations;
    if (t->phase == Phase::growing) {
        bool long_enough = full >= 0.5;
        length = next_length(t, full);
        // What grew is warm-up; a slice that is long by a single iteration may be all there is time for.
        if (t->fixed || (long_enough && t->carried_ns >= t->budget_ns))
            keep_slice(t);
        if (long_enough)
            t->phase = Phase::measuring;
    } else {
        keep_slice(t);
        // The slice that set the length was a slow one: go on growing.
        if (full < 0.25 && !t->fixed) {
            t->slices->clear();
            t->spent_ns = 0;
            length = next_length(t, full);
        }
    }
    bool patient = now_ns() - t->loop_begin_ns < PATIENCE * std::max(t->budget_ns, SECOND / 10);
    bool more = t->fixed ? t->iterations < t->fixed : t->spent_ns < t->budget_ns && patient;
    if (t->slices->empty() && !t->fixed)
        more = true; // at least one
    if (!more) {
        t->phase = Phase::done;
        return false;
    }
    begin_slice(t, length);
    return true;
}

bool advance(BenchTimer *t) {
    if (t->left <= 0 && !next_slice(t))
        return false;
    --t->left;
    return true;
}

// ---- Python's side ----------------------------------------------------------------------------

BenchTimer *self_of(PyObject *object) { return reinterpret_cast<BenchTimer *>(object); }

void reset(BenchTimer *t) {
    t->phase = Phase::idle;
    t->by_call = false;
    t->left = t->slice_iterations = t->iterations = t->spent_ns = t->lost_ns = t->carried_ns = 0;
    t->counted_iterations = 0;
    t->running = false;
    t->slices->clear();
    t->allocations = {};
}

PyObject *timer_new(PyTypeObject *type, PyObject *, PyObject *) {
    auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
    PyObject *object = allocate(type, 0);
    if (!object)
        return nullptr;
    BenchTimer *t = self_of(object);
    t->schedstat = -1;
    t->slices = new (std::nothrow) std::vector<Slice>;
    if (!t->slices) {
        Py_DECREF(object);
        return PyErr_NoMemory();
    }
    t->slice_ns = 2'000'000;
    t->budget_ns = SECOND;
    return object;
}

void timer_dealloc(PyObject *object) {
    BenchTimer *t = self_of(object);
    stop(t);
    if (t->schedstat >= 0)
        close(t->schedstat);
    delete t->slices;
    PyTypeObject *type = Py_TYPE(object);
    reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

PyObject *timer_next(PyObject *object) {
    BenchTimer *t = self_of(object);
    if (--t->left >= 0)
        Py_RETURN_NONE;
    t->left = 0;
    if (!advance(t))
        return nullptr;
    Py_RETURN_NONE;
}

PyObject *timer_loop(PyObject *object, PyObject *) {
    BenchTimer *t = self_of(object);
    t->by_call = true;
    return PyBool_FromLong(advance(t));
}

PyObject *timer_prepare(PyObject *object, PyObject *args) {
    BenchTimer *t = self_of(object);
    long long slice_ns, budget_ns, fixed, slow_from_ns = 0;
    int counting;
    if (!PyArg_ParseTuple(args, "LLLp|L", &slice_ns, &budget_ns, &fixed, &counting, &slow_from_ns))
        return nullptr;
    stop(t);
    reset(t);
    t->slice_ns = slice_ns;
    t->budget_ns = budget_ns;
    t->fixed = fixed;
    t->counting = counting;
    t->slow_from_ns = slow_from_ns;
    if (t->schedstat >= 0)
        close(t->schedstat);
    t->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    Py_RETURN_NONE;
}

PyObject *timer_start(PyObject *object, PyObject *) {
    start(self_of(object));
    Py_RETURN_NONE;
}

PyObject *timer_stop(PyObject *object, PyObject *) {
    stop(self_of(object));
    Py_RETURN_NONE;
}

PyObject *timer_reset(PyObject *object, PyObject *) {
    BenchTimer *t = self_of(object);
    bool was_running = t->running;
    stop(t);
    t->carried_ns = 0;
    t->allocations = {};
    if (was_running)
        start(t);
    Py_RETURN_NONE;
}

// For code that counts to b.n itself: one slice, from here to `end_call`.
PyObject *timer_begin_call(PyObject *object, PyObject *args) {
    BenchTimer *t = self_of(object);
    long long iterations;
    if (!PyArg_ParseTuple(args, "L", &iterations))
        return nullptr;
    if (t->counting)
        t->phase = Phase::measuring;
    begin_slice(t, iterations);
    t->left = 0;
    Py_RETURN_NONE;
}

PyObject *timer_end_call(PyObject *object, PyObject *) {
    BenchTimer *t = self_of(object);
    stop(t);
    t->iterations += t->slice_iterations;
    keep_slice(t);
    return PyLong_FromLongLong(t->carried_ns);
}

PyObject *timer_slices(PyObject *object, void *) {
    const std::vector<Slice> &slices = *self_of(object)->slices;
    PyObject *list = PyList_New(static_cast<Py_ssize_t>(slices.size()));
    for (size_t i = 0; list && i < slices.size(); ++i) {
        const Slice &s = slices[i];
        PyObject *item =
            Py_BuildValue("(LLLLL)", static_cast<long long>(s.iterations),
                          static_cast<long long>(s.elapsed_ns), static_cast<long long>(s.delay_ns),
                          static_cast<long long>(s.end_ns), static_cast<long long>(s.reference_ns));
        if (!item || PyList_SetItem(list, static_cast<Py_ssize_t>(i), item) < 0)
            Py_CLEAR(list);
    }
    return list;
}

PyObject *timer_allocations(PyObject *object, void *) {
    const BenchTimer *t = self_of(object);
    return Py_BuildValue("(LLL)", static_cast<long long>(t->counted_iterations),
                         static_cast<long long>(t->allocations.objects),
                         static_cast<long long>(t->allocations.bytes));
}

PyObject *timer_iterations(PyObject *object, void *) {
    return PyLong_FromLongLong(self_of(object)->iterations);
}

PyObject *timer_style(PyObject *object, void *) {
    return PyUnicode_FromString(self_of(object)->by_call ? "loop" : "for");
}

PyObject *timer_state(PyObject *object, void *) {
    static const char *const names[] = {"idle", "running", "running", "done"};
    return PyUnicode_FromString(names[static_cast<int>(self_of(object)->phase)]);
}

PyObject *timer_elapsed_ns(PyObject *object, void *) {
    const BenchTimer *t = self_of(object);
    int64_t current = t->carried_ns + (t->running ? now_ns() - t->begin_ns : 0);
    return PyLong_FromLongLong(t->phase == Phase::done ? t->spent_ns : t->spent_ns + current);
}

PyMethodDef timer_methods[] = {
    {"loop", timer_loop, METH_NOARGS,
     "Return True as long as the benchmark shall go on: `while b.loop(): ...`."},
    {"start_timer", timer_start, METH_NOARGS, "Go on timing after `stop_timer`."},
    {"stop_timer", timer_stop, METH_NOARGS, "Stop timing, for work that is not to be measured."},
    {"reset_timer", timer_reset, METH_NOARGS, "Forget the time and allocations counted so far."},
    {"_prepare", timer_prepare, METH_VARARGS,
     "_prepare(slice_ns, budget_ns, iterations, counting, slow_from_ns=0)"},
    {"_begin_call", timer_begin_call, METH_VARARGS, "_begin_call(iterations)"},
    {"_end_call", timer_end_call, METH_NOARGS, "Return the nanoseconds since _begin_call."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef timer_attributes[] = {
    {"_slices", timer_slices, nullptr, "[(iterations, elapsed_ns, delay_ns, end_ns, reference_ns)]", nullptr},
    {"_allocations", timer_allocations, nullptr, "(iterations, objects, bytes)", nullptr},
    {"_iterations", timer_iterations, nullptr, "iterations made", nullptr},
    {"_style", timer_style, nullptr, "for or loop: how iterations are asked for", nullptr},
    {"_state", timer_state, nullptr, "idle, running or done", nullptr},
    {"elapsed_ns", timer_elapsed_ns, nullptr, "nanoseconds measured so far", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot timer_slots[] = {{Py_tp_new, reinterpret_cast<void *>(timer_new)},
                             {Py_tp_dealloc, reinterpret_cast<void *>(timer_dealloc)},
                             {Py_tp_iter, reinterpret_cast<void *>(PyObject_SelfIter)},
                             {Py_tp_iternext, reinterpret_cast<void *>(timer_next)},
                             {Py_tp_methods, timer_methods},
                             {Py_tp_getset, timer_attributes},
                             {0, nullptr}};

PyType_Spec timer_spec = {"whet._probe.BenchTimer", sizeof(BenchTimer), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, timer_slots};

} // namespace

bool bench_timer_register(void *module_pointer) {
    auto *module = static_cast<PyObject *>(module_pointer);
    PyObject *type = PyType_FromSpec(&timer_spec);
    return type && PyModule_AddObject(module, "BenchTimer", type) == 0;
}

} // namespace whet::probe
