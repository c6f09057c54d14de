#include <Python.h>

#include "probe/tasks/tasks.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <new>
#include <unordered_map>
#include <utility>

#include "probe/common/interpreter.hpp"
#include "probe/common/memory_fails.hpp"
#include "probe/common/service.hpp"
#include "probe/common/stack_table.hpp"
#include "probe/common/stack_walk.hpp"
#include "probe/tasks/task_labels.hpp"
#include "probe/tasks/task_names.hpp"
#include "probe/waits/ticks.hpp"

namespace whet::probe {
namespace {

constexpr size_t MAX_NODES = 200'000;
// Coroutines beyond are forgotten all at once; those that live on are looked up again.
constexpr size_t MAX_COROUTINES = 1 << 20;
constexpr size_t MAX_CHAIN = 200, MAX_FRAMES = 500;
// Slow steps are kept one by one; of more, the longest.
constexpr size_t MAX_SLOW = 1'000;

// A thread's outermost step. Never freed: the service thread looks at all of them.
struct Step {
    std::atomic<int64_t> begun{0}; // ticks; 0: none runs
    std::atomic<Step *> next{nullptr};
    uintptr_t tstate = 0; // under the GIL, as is the rest
    uint32_t node = 0;    // of the stack while it lasted
    uint32_t label = 0;
    uintptr_t frame = 0; // of the task's coroutine
};

std::atomic<Step *> all_steps{nullptr};
thread_local Step *own_step __attribute__((tls_model("initial-exec"))) = nullptr;
thread_local bool in_step __attribute__((tls_model("initial-exec"))) = false;

struct Known {
    uint32_t label = 0;
    int64_t suspended = 0; // ticks; 0: it has not waited yet
};

struct WaitKey {
    uint32_t node, label;
    bool operator==(const WaitKey &) const = default;
};
struct WaitKeyHash {
    size_t operator()(const WaitKey &key) const {
        return (uint64_t{key.node} << 20 ^ key.label) * 0x9E3779B97F4A7C15ULL >> 7;
    }
};
struct Wait {
    double count = 0, ns = 0;
};

struct SlowStep {
    uint32_t node, label;
    int64_t begun_ns, length_ns; // since the start of watching
};

class TaskSession final : public Collector {
  public:
    TaskSession(const TaskOptions &o, const whet_layout &layout)
        : options(o), walker(layout, reinterpret_cast<uintptr_t>(&PyCode_Type)) {}

    void drain() override;
    bool wants_python() override { return slow_seen_.exchange(false); }
    void resolve() override;
    uint64_t position() const override { return 0; } // everything is named as it is recorded
    uint64_t resolved_until() const override { return 0; }
    void forget_code(uintptr_t code) override { stacks.forget_code(code); }
    void after_fork_in_child() override;

    void step_begins(Step &step, PyObject *coroutine);
    void step_ends(Step &step, PyObject *coroutine, PySendResult result);
    void lose(Step &step); // there was no memory for what is known of it
    void add_waiting(const std::vector<void *> &waiting);
    void add_wait(PyObject *coroutine, uint32_t label, int64_t ticks_waited);

    TaskOptions options;
    int64_t wait_threshold = 0, slow_threshold = 0; // ticks
    int64_t started_wall_ns = 0, started = 0, stopped = 0;
    StackWalker walker;
    StackTable stacks{MAX_NODES};
    std::unordered_map<uintptr_t, Known> coroutines;
    std::unordered_map<WaitKey, Wait, WaitKeyHash> waits;
    std::vector<SlowStep> slow;
    uint64_t steps = 0, tasks = 0, slow_steps = 0, waits_recorded = 0, hook_ticks = 0, folded = 0, lost = 0;
    int64_t busy = 0; // ticks in steps

  private:
    uint32_t chain_node(PyObject *coroutine);
    uint32_t intern(const Frame *frames, size_t count, uint32_t flags);

    std::atomic<bool> slow_seen_{false};
    uint64_t random_ = 0x853c49e6748fea9bULL;
};

TaskSession *running = nullptr; // while steps are watched
TaskSession *last = nullptr;    // running or stopped, for reading
sendfunc original = nullptr;    // while the slot is ours

int8_t state_of(PyObject *coroutine, const whet_layout &at) {
    int8_t state;
    std::memcpy(&state, reinterpret_cast<const char *>(coroutine) + at.generator_state, 1);
    return state;
}

// What a suspended coroutine or generator awaits; a new reference or nullptr.
PyObject *awaited_by(PyObject *object) {
    static PyObject *cr_await = PyUnicode_InternFromString("cr_await");
    static PyObject *gi_yieldfrom = PyUnicode_InternFromString("gi_yieldfrom");
    static PyObject *ag_await = PyUnicode_InternFromString("ag_await");
    PyObject *name = PyCoro_CheckExact(object)  ? cr_await
                     : PyGen_CheckExact(object) ? gi_yieldfrom
                                                : ag_await;
    PyObject *value = name ? PyObject_GetAttr(object, name) : nullptr;
    if (!value)
        PyErr_Clear();
    return value;
}

bool has_frame(PyObject *object) {
    return PyCoro_CheckExact(object) || PyGen_CheckExact(object) || PyAsyncGen_CheckExact(object);
}

int take_frame_owner(PyObject *object, void *found) {
    if (!has_frame(object))
        return 0;
    *static_cast<PyObject **>(found) = object;
    return 1;
}

// The generator inside an object that only its own type looks into, as asend() makes them.
PyObject *unwrapped(PyObject *object) {
    PyObject *found = nullptr;
    const char *name = Py_TYPE(object)->tp_name;
    bool wraps = !std::strcmp(name, "async_generator_asend") ||
                 !std::strcmp(name, "async_generator_athrow") || !std::strcmp(name, "coroutine_wrapper");
    if (wraps && Py_TYPE(object)->tp_traverse)
        Py_TYPE(object)->tp_traverse(object, take_frame_owner, &found);
    return found;
}

uint32_t TaskSession::intern(const Frame *frames, size_t count, uint32_t flags) {
    stacks.resolve(frames, count);
    auto [node, was_folded] = stacks.intern(frames, count, flags);
    folded += was_folded;
    return node;
}

// The chain of suspended coroutines, the awaiting one calling the awaited one.
uint32_t TaskSession::chain_node(PyObject *coroutine) {
    Frame frames[MAX_CHAIN];
    size_t count = 0;
    Reader reader(true);
    PyObject *at = Py_NewRef(coroutine);
    while (at && count < MAX_CHAIN) {
        PyObject *next = nullptr;
        if (has_frame(at)) {
            auto frame = reinterpret_cast<uintptr_t>(at) + walker.layout().generator_frame;
            walker.walk(reader, frame, 1, [&](const Frame &f) { frames[count++] = f; });
            next = awaited_by(at);
        } else {
            next = Py_XNewRef(unwrapped(at));
        }
        Py_DECREF(at);
        at = next;
    }
    Py_XDECREF(at);
    std::reverse(frames, frames + count);
    return intern(frames, count, count == MAX_CHAIN ? STACK_TRUNCATED : 0u);
}

void TaskSession::add_wait(PyObject *coroutine, uint32_t label, int64_t ticks_waited) {
    if (ticks_waited <= 0)
        return;
    double weight = 1;
    if (ticks_waited < wait_threshold) {
        // xorshift64*: which waits are kept must not follow a program's rhythm.
        random_ ^= random_ >> 12;
        random_ ^= random_ << 25;
        random_ ^= random_ >> 27;
        double chance = static_cast<double>(ticks_waited) / static_cast<double>(wait_threshold);
        if (static_cast<double>((random_ * 0x2545F4914F6CDD1DULL) >> 11) * 0x1p-53 >= chance)
            return;
        weight = 1 / chance;
    }
    Wait &wait = waits[{chain_node(coroutine), label}];
    ++waits_recorded;
    wait.count += weight;
    wait.ns += weight * static_cast<double>(ticks_to_ns(ticks_waited));
}

void TaskSession::add_waiting(const std::vector<void *> &waiting) {
    int64_t now = ticks();
    for (void *coroutine : waiting) {
        auto known = coroutines.find(reinterpret_cast<uintptr_t>(coroutine));
        if (known != coroutines.end() && known->second.suspended)
            add_wait(static_cast<PyObject *>(coroutine), known->second.label, now - known->second.suspended);
    }
}

void TaskSession::step_begins(Step &step, PyObject *coroutine) {
    int64_t now = ticks();
    auto [slot, fresh] = coroutines.try_emplace(reinterpret_cast<uintptr_t>(coroutine));
    Known &known = slot->second;
    // An address that is met at its very first step is another coroutine's than before.
    if (fresh || state_of(coroutine, walker.layout()) == walker.layout().state_created) {
        ++tasks;
        known = {running_task_label(), 0};
    } else if (int64_t since = std::exchange(known.suspended, 0)) {
        add_wait(coroutine, known.label, now - since);
    }
    ++steps;
    step.label = known.label;
    step.node = 0;
    step.frame = reinterpret_cast<uintptr_t>(coroutine) + walker.layout().generator_frame;
    current_task_label = known.label;
    if (known.label)
        current_task_frame = step.frame;
    int64_t begun = ticks();
    hook_ticks += static_cast<uint64_t>(begun - now);
    step.begun.store(begun, std::memory_order_relaxed);
}

void TaskSession::step_ends(Step &step, PyObject *coroutine, PySendResult result) {
    int64_t now = ticks(), begun = step.begun.load(std::memory_order_relaxed);
    step.begun.store(0, std::memory_order_relaxed);
    if (!begun)
        return; // watching began within this step
    busy += now - begun;
    if (now - begun >= slow_threshold) {
        ++slow_steps;
        uint32_t node = step.node;
        if (!node && result == PYGEN_NEXT)
            node = chain_node(coroutine);
        SlowStep entry{node, step.label, ticks_to_ns(begun - started), ticks_to_ns(now - begun)};
        auto shorter = [](const SlowStep &a, const SlowStep &b) { return a.length_ns < b.length_ns; };
        if (slow.size() < MAX_SLOW)
            slow.push_back(entry);
        else if (auto least = std::min_element(slow.begin(), slow.end(), shorter); shorter(*least, entry))
            *least = entry;
    }
    if (result != PYGEN_NEXT)
        coroutines.erase(reinterpret_cast<uintptr_t>(coroutine));
    else if (auto known = coroutines.find(reinterpret_cast<uintptr_t>(coroutine)); known != coroutines.end())
        known->second.suspended = now;
    if (coroutines.size() > MAX_COROUTINES)
        coroutines.clear();
}

void TaskSession::lose(Step &step) {
    step.begun.store(0, std::memory_order_relaxed);
    ++lost;
}

// Without the GIL: is any step slow already?
void TaskSession::drain() {
    int64_t now = ticks();
    for (Step *step = all_steps.load(std::memory_order_acquire); step; step = step->next.load()) {
        int64_t begun = step->begun.load(std::memory_order_relaxed);
        if (begun && now - begun >= slow_threshold)
            slow_seen_.store(true);
    }
}

// With the GIL: threads in slow steps do not run Python now, so their stacks stand still.
void TaskSession::resolve() {
    int64_t now = ticks();
    for (Step *step = all_steps.load(std::memory_order_acquire); step; step = step->next.load()) {
        int64_t begun = step->begun.load(std::memory_order_relaxed);
        if (!begun || now - begun < slow_threshold || step->node || !step->tstate)
            continue;
        std::vector<Frame> frames;
        Reader reader(true);
        bool readable;
        uintptr_t leaf = walker.leaf(reader, step->tstate, &readable);
        if (!readable)
            continue;
        auto take = [&](const Frame &f) { frames.push_back(f); };
        Walk walk = walker.walk(reader, leaf, MAX_FRAMES, take, step->frame);
        if (walk == Walk::ok || walk == Walk::truncated)
            step->node = intern(frames.data(), frames.size(), walk == Walk::truncated ? STACK_TRUNCATED : 0u);
    }
}

// ---- the slot -----------------------------------------------------------------------------------

// nullptr where there is no memory for one.
Step *step_of_this_thread() {
    if (!own_step) {
        own_step = new (std::nothrow) Step;
        if (!own_step)
            return nullptr;
        Step *head = all_steps.load(std::memory_order_relaxed);
        do
            own_step->next.store(head, std::memory_order_relaxed);
        while (!all_steps.compare_exchange_weak(head, own_step, std::memory_order_release));
    }
    own_step->tstate = reinterpret_cast<uintptr_t>(PyThreadState_Get());
    return own_step;
}

PySendResult watched_send(PyObject *coroutine, PyObject *argument, PyObject **result) {
    // Inner coroutines, and steps of loops that run inside a step, belong to the outermost one.
    if (in_step || !running)
        return original(coroutine, argument, result);
    Step *step = step_of_this_thread();
    if (!step)
        return original(coroutine, argument, result);
    in_step = true;
    unless_memory_fails([&] { running->step_begins(*step, coroutine); }, [&] { running->lose(*step); });
    PySendResult sent = original(coroutine, argument, result);
    in_step = false;
    current_task_label = 0;
    current_task_frame = 0;
    if (running)
        unless_memory_fails([&] { running->step_ends(*step, coroutine, sent); },
                            [&] { running->lose(*step); });
    return sent;
}

sendfunc &slot() { return PyCoro_Type.tp_as_async->am_send; }

void give_slot_back() {
    // Somebody who came after us calls us: then we stay, and pass everything on.
    if (slot() == watched_send)
        slot() = original;
}

void TaskSession::after_fork_in_child() {
    running = nullptr;
    last = nullptr;
    give_slot_back();
    current_task_label = 0;
    current_task_frame = 0;
}

} // namespace

bool tasks_running() { return running != nullptr; }

std::string tasks_start(const TaskOptions &options) {
    if (running)
        return "tasks are being watched in this process already";
    std::string why_not;
    const whet_layout *layout = guarded_interpreter(&why_not);
    if (!layout)
        return why_not;
    ticks_calibrate();
    auto *session = new TaskSession(options, *layout);
    session->wait_threshold = std::max<int64_t>(1, ticks_from_ns(options.wait_threshold_ns));
    session->slow_threshold = ticks_from_ns(options.slow_threshold_ns);
    session->started_wall_ns = clock_ns(CLOCK_REALTIME);
    session->started = ticks();
    if (!service_join(*session)) {
        fault_guard_remove();
        delete session;
        return "no thread can be started";
    }
    delete last;
    last = running = session;
    for (Step *step = all_steps.load(); step; step = step->next.load())
        step->begun.store(0);
    if (slot() != watched_send) {
        original = slot();
        slot() = watched_send;
    }
    return {};
}

void tasks_stop(const std::vector<void *> &waiting) {
    if (!running)
        return;
    TaskSession *session = running;
    unless_memory_fails([&] { session->add_waiting(waiting); });
    running = nullptr;
    give_slot_back();
    session->stopped = ticks();
    service_leave(*session);
    fault_guard_remove();
}

TaskProfiles tasks_profiles(const std::vector<std::string> &comments, const std::vector<void *> &waiting) {
    if (!last)
        return {};
    TaskSession &s = *last;
    int64_t end = s.stopped ? s.stopped : ticks();
    auto before = s.waits;
    if (&s == running)
        s.add_waiting(waiting);
    ProfileWriter waits(s.stacks), slow(s.stacks);
    waits.sample_type("waits", "count");
    waits.sample_type("delay", "nanoseconds");
    waits.default_sample_type("delay");
    waits.comments(comments);
    for (const auto &[key, wait] : s.waits) {
        waits.stack(key.node);
        waits.value(std::llround(wait.count));
        waits.value(std::llround(wait.ns));
        waits.labels(key.label << TASK_LABEL_SHIFT);
        waits.end();
    }
    // What still waits is counted anew next time.
    s.waits = std::move(before);
    slow.sample_type("steps", "count");
    slow.sample_type("blocked", "nanoseconds");
    slow.default_sample_type("blocked");
    slow.comments(comments);
    for (const SlowStep &step : s.slow) {
        slow.stack(step.node);
        slow.value(1);
        slow.value(step.length_ns);
        slow.label("begun", step.begun_ns, "nanoseconds");
        slow.labels(step.label << TASK_LABEL_SHIFT);
        slow.end();
    }
    int64_t duration_ns = ticks_to_ns(end - s.started);
    int64_t wall_ns = s.started_wall_ns;
    TaskProfiles profiles;
    profiles.waits = waits.encode(wall_ns, duration_ns);
    profiles.slow = slow.encode(wall_ns, duration_ns);
    return profiles;
}

std::vector<int64_t> tasks_lasted(const std::vector<void *> &coroutines) {
    std::vector<int64_t> result(coroutines.size(), -1);
    if (!running)
        return result;
    const whet_layout &layout = running->walker.layout();
    int64_t now = ticks();
    std::unordered_map<uintptr_t, int64_t> steps; // begun, by frame
    for (Step *step = all_steps.load(std::memory_order_acquire); step; step = step->next.load())
        if (int64_t begun = step->begun.load(std::memory_order_relaxed))
            steps[step->frame] = begun;
    for (size_t i = 0; i < coroutines.size(); ++i) {
        auto *coroutine = static_cast<PyObject *>(coroutines[i]);
        // What is known of an address is another coroutine's if this one has not begun.
        if (!PyCoro_CheckExact(coroutine) || state_of(coroutine, layout) == layout.state_created)
            continue;
        auto address = reinterpret_cast<uintptr_t>(coroutine);
        auto known = running->coroutines.find(address);
        if (auto step = steps.find(address + layout.generator_frame); step != steps.end())
            result[i] = ticks_to_ns(now - step->second);
        else if (known != running->coroutines.end() && known->second.suspended)
            result[i] = ticks_to_ns(now - known->second.suspended);
    }
    return result;
}

std::map<std::string, double> tasks_statistics() {
    if (!last)
        return {};
    const TaskSession &s = *last;
    int64_t end = s.stopped ? s.stopped : ticks();
    int64_t longest_ns = 0;
    for (const SlowStep &step : s.slow)
        longest_ns = std::max(longest_ns, step.length_ns);
    return {
        {"steps", static_cast<double>(s.steps)},
        {"tasks", static_cast<double>(s.tasks)},
        {"busy_ns", static_cast<double>(ticks_to_ns(s.busy))},
        {"duration_ns", static_cast<double>(ticks_to_ns(end - s.started))},
        {"waits_recorded", static_cast<double>(s.waits_recorded)},
        {"slow_steps", static_cast<double>(s.slow_steps)},
        {"longest_step_ns", static_cast<double>(longest_ns)},
        {"hook_ns", static_cast<double>(ticks_to_ns(static_cast<int64_t>(s.hook_ticks)))},
        {"folded", static_cast<double>(s.folded)},
        {"lost", static_cast<double>(s.lost)},
        {"names_refused", static_cast<double>(task_labels_refused())},
    };
}

} // namespace whet::probe
