#include <Python.h>

#include "probe/gc/gc_hook.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layout/layout.h"
#include "probe/common/clock.hpp"

namespace whet::probe {
namespace {

constexpr size_t MAX_ENTRIES = 4096;
// Resident memory is read at full collections, and at others when the last reading is this old.
constexpr int64_t RSS_KEEPS_NS = 10'000'000;
constexpr uint64_t TIMED_EVERY = 16;
// A bin of the histogram is an eighth of a doubling: a quantile is wrong by 6 % at most.
constexpr size_t BINS_PER_DOUBLING = 8, BINS = 40 * BINS_PER_DOUBLING;

struct Generation {
    uint64_t collections = 0;
    int64_t pause_ns = 0, longest_ns = 0;
    std::array<uint32_t, BINS> histogram{};
};

struct Recording {
    int64_t started_ns = 0, stopped_ns = 0;
    std::array<Generation, GC_GENERATIONS> generations;
    std::vector<GcEntry> entries;
    uint64_t collections = 0, merged = 0;
    int64_t pause_ns = 0, collected = 0, uncollectable = 0, hook_ns = 0, peak_objects = 0;
};

// What printed lines are counted by; a recording that begins or ends changes nothing of it.
struct Printed {
    int64_t started_ns = 0, pause_ns = 0;
    uint64_t collections = 0;
};

// One collection at a time: callbacks run under the GIL, and collections do not nest.
struct Hook {
    PyObject *function = nullptr; // in gc.callbacks while not null
    PyObject *get_count = nullptr;
    PyObject *generation_key = nullptr, *collected_key = nullptr, *uncollectable_key = nullptr;
    const char *interpreter = nullptr;
    const whet_layout *layout = nullptr;
    bool records = false, prints = false;
    // The collection that runs.
    int64_t begin_ns = 0; // 0: none that we saw begin
    int64_t young = 0, pending = 0, alive = 0;
    // Memory as it was read last.
    int64_t rss_bytes = 0, rss_read_ns = 0;
    Recording recording;
    Printed printed;
};

Hook hook;

Py_ssize_t gc_field(size_t offset) {
    Py_ssize_t value;
    std::memcpy(&value, hook.interpreter + offset, sizeof value);
    return value;
}

// The number of live objects where the interpreter keeps it, else 0.
int64_t objects_alive() { return hook.layout->gc_heap_size ? gc_field(hook.layout->gc_heap_size) : 0; }

int64_t young_count() {
    PyObject *counts = PyObject_CallNoArgs(hook.get_count);
    int64_t count = -1;
    if (counts && PyTuple_Check(counts) && PyTuple_GET_SIZE(counts) > 0)
        count = PyLong_AsLongLong(PyTuple_GET_ITEM(counts, 0));
    Py_XDECREF(counts);
    PyErr_Clear();
    return count;
}

void read_rss(int64_t now_ns, bool must) {
    if (!must && hook.rss_read_ns && now_ns - hook.rss_read_ns < RSS_KEEPS_NS)
        return;
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    char text[128];
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    long total, resident;
    text[std::max<ssize_t>(size, 0)] = 0;
    if (std::sscanf(text, "%ld %ld", &total, &resident) == 2) {
        hook.rss_bytes = static_cast<int64_t>(resident) * sysconf(_SC_PAGESIZE);
        hook.rss_read_ns = now_ns;
    }
}

size_t bin_of(int64_t ns) {
    auto value = static_cast<uint64_t>(std::max<int64_t>(ns, BINS_PER_DOUBLING));
    auto doublings = static_cast<size_t>(std::bit_width(value)) - 1;
    size_t within = (value >> (doublings - 3)) - BINS_PER_DOUBLING;
    return std::min((doublings - 3) * BINS_PER_DOUBLING + within, BINS - 1);
}

// The middle of a bin.
double bin_ns(size_t bin) {
    double low = static_cast<double>(BINS_PER_DOUBLING + bin % BINS_PER_DOUBLING);
    return (low + 0.5) * static_cast<double>(uint64_t{1} << (bin / BINS_PER_DOUBLING));
}

bool is_full(const GcEntry &entry) { return entry.counts[GC_GENERATIONS - 1] != 0; }

void merge_into(GcEntry &to, const GcEntry &next) {
    to.last = next.last;
    to.end_ns = next.end_ns;
    to.pause_ns += next.pause_ns;
    to.longest_ns = std::max(to.longest_ns, next.longest_ns);
    to.total_pause_ns = next.total_pause_ns;
    to.before = next.before;
    to.after = next.after;
    to.estimated = next.estimated;
    to.collected += next.collected;
    to.uncollectable += next.uncollectable;
    to.rss_bytes = next.rss_bytes;
    to.thread = next.thread;
    for (size_t g = 0; g < GC_GENERATIONS; ++g)
        to.counts[g] += next.counts[g];
}

// Make room. While full collections are few only others are merged, which then are in pairs:
// at least a quarter of the entries goes either way.
void merge_neighbours(Recording &r) {
    auto full = static_cast<size_t>(std::count_if(r.entries.begin(), r.entries.end(), is_full));
    bool merges_full = full >= MAX_ENTRIES / 4;
    size_t kept = 0;
    for (size_t i = 0; i < r.entries.size(); ++kept) {
        r.entries[kept] = r.entries[i++];
        GcEntry &to = r.entries[kept];
        if (i < r.entries.size() && (merges_full || (!is_full(to) && !is_full(r.entries[i]))))
            merge_into(to, r.entries[i++]);
    }
    r.merged += r.entries.size() - kept;
    r.entries.resize(kept);
}

int append(char *to, size_t room, const char *format, auto... values) {
    int size = std::snprintf(to, room, format, values...);
    return std::clamp(size, 0, static_cast<int>(room) - 1);
}

constexpr size_t LINE_ROOM = 400;

// One line without its end; returns its length, less than LINE_ROOM.
size_t format_line(char *line, const GcEntry &e, const char *thread) {
    char *to = line, *end = line + LINE_ROOM;
    auto put = [&](const char *format, auto... values) {
        to += append(to, static_cast<size_t>(end - to), format, values...);
    };
    bool one = e.first == e.last;
    put("gc %llu", static_cast<unsigned long long>(e.first));
    if (!one)
        put("-%llu", static_cast<unsigned long long>(e.last));
    put(" @%.3f", static_cast<double>(e.begin_ns) / 1e9);
    if (!one)
        put("-%.3f", static_cast<double>(e.end_ns) / 1e9);
    put("s %.2f%%: gen",
        100.0 * static_cast<double>(e.total_pause_ns) / static_cast<double>(std::max<int64_t>(e.end_ns, 1)));
    const char *separator = " ";
    for (size_t g = 0; g < GC_GENERATIONS; ++g) {
        if (e.counts[g]) {
            one ? put("%s%zu", separator, g) : put("%s%zux%u", separator, g, e.counts[g]);
            separator = "+";
        }
    }
    put(", %.3f ms", static_cast<double>(e.pause_ns) / 1e6);
    if (!one)
        put(" (longest %.3f)", static_cast<double>(e.longest_ns) / 1e6);
    if (e.before >= 0)
        put(", %s%lld->%lld objects", e.estimated ? "~" : "", static_cast<long long>(e.before),
            static_cast<long long>(e.after));
    put(", %lld collected, %lld uncollectable", static_cast<long long>(e.collected),
        static_cast<long long>(e.uncollectable));
    if (e.rss_bytes)
        put(", %.1f MB", static_cast<double>(e.rss_bytes) / 1048576);
    put(", %s", thread);
    return static_cast<size_t>(to - line);
}

void print_line(GcEntry entry) {
    Printed &p = hook.printed;
    entry.begin_ns -= p.started_ns;
    entry.end_ns -= p.started_ns;
    entry.first = entry.last = ++p.collections;
    entry.total_pause_ns = p.pause_ns += entry.pause_ns;
    char thread[32], line[LINE_ROOM + 1];
    if (entry.thread == getpid())
        std::strcpy(thread, "MainThread");
    else
        std::snprintf(thread, sizeof thread, "thread %d", entry.thread);
    size_t size = format_line(line, entry, thread);
    line[size++] = '\n';
    // Whole lines, and nobody to tell when they cannot be written.
    if (write(STDERR_FILENO, line, size) < 0)
        return;
}

// What the collection left, as far as the interpreter's own counters tell.
void count_objects(GcEntry &e, size_t generation) {
    const whet_layout &at = *hook.layout;
    e.before = e.after = -1;
    if (hook.alive > 0) {
        e.before = hook.alive;
        e.after = objects_alive();
    } else if (generation == GC_GENERATIONS - 1) {
        e.after = gc_field(at.gc_long_lived_total);
        e.before = e.after + e.collected;
    } else if (generation == GC_GENERATIONS - 2) {
        e.after = gc_field(at.gc_long_lived_pending) - hook.pending;
        e.before = e.after + e.collected;
    } else if (hook.young >= 0) {
        e.estimated = true;
        e.before = std::max(hook.young, e.collected);
        e.after = e.before - e.collected;
    }
}

void keep(GcEntry e, size_t generation) {
    Recording &r = hook.recording;
    e.begin_ns -= r.started_ns;
    e.end_ns -= r.started_ns;
    Generation &g = r.generations[generation];
    ++g.collections;
    g.pause_ns += e.pause_ns;
    g.longest_ns = std::max(g.longest_ns, e.pause_ns);
    ++g.histogram[bin_of(e.pause_ns)];
    r.collected += e.collected;
    r.uncollectable += e.uncollectable;
    r.peak_objects = std::max(r.peak_objects, e.before);
    r.pause_ns += e.pause_ns;
    e.first = e.last = ++r.collections;
    e.total_pause_ns = r.pause_ns;
    if (r.entries.size() == MAX_ENTRIES)
        merge_neighbours(r);
    r.entries.push_back(e);
}

int64_t number_in(PyObject *info, PyObject *key) {
    PyObject *value = PyDict_GetItemWithError(info, key);
    int64_t number = value ? PyLong_AsLongLong(value) : 0;
    PyErr_Clear();
    return number;
}

void collection_begins() {
    hook.young = hook.alive = 0;
    hook.alive = objects_alive();
    if (hook.alive <= 0) {
        hook.young = young_count();
        hook.pending = gc_field(hook.layout->gc_long_lived_pending);
    }
    hook.begin_ns = clock_ns(CLOCK_MONOTONIC);
}

void collection_ended(int64_t now_ns, PyObject *info) {
    if (!hook.begin_ns || !PyDict_Check(info))
        return;
    GcEntry e{};
    auto generation =
        static_cast<size_t>(std::clamp<int64_t>(number_in(info, hook.generation_key), 0, GC_GENERATIONS - 1));
    e.begin_ns = hook.begin_ns;
    e.end_ns = now_ns;
    e.pause_ns = e.longest_ns = now_ns - hook.begin_ns;
    e.collected = number_in(info, hook.collected_key);
    e.uncollectable = number_in(info, hook.uncollectable_key);
    e.counts[generation] = 1;
    e.thread = static_cast<int32_t>(syscall(SYS_gettid));
    count_objects(e, generation);
    read_rss(now_ns, generation == GC_GENERATIONS - 1);
    e.rss_bytes = hook.rss_bytes;
    hook.begin_ns = 0;
    if (hook.prints)
        print_line(e);
    if (hook.records)
        keep(e, generation);
}

// gc.callbacks calls this as (phase, info); phase is "start" or "stop".
PyObject *on_collection(PyObject *, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 2 || !PyUnicode_Check(arguments[0]) || !(hook.records || hook.prints))
        Py_RETURN_NONE;
    bool starts = PyUnicode_CompareWithASCIIString(arguments[0], "start") == 0;
    // Reading clocks is most of the hook's cost: it times itself now and then only.
    bool timed = hook.recording.collections % TIMED_EVERY == 0;
    int64_t now_ns = starts && !timed ? 0 : clock_ns(CLOCK_MONOTONIC);
    if (starts)
        collection_begins();
    else
        collection_ended(now_ns, arguments[1]);
    if (hook.records && timed)
        hook.recording.hook_ns += static_cast<int64_t>(TIMED_EVERY) *
                                  ((starts ? hook.begin_ns : clock_ns(CLOCK_MONOTONIC)) - now_ns);
    Py_RETURN_NONE;
}

PyMethodDef definition = {"whet_gc_hook",
                          reinterpret_cast<PyCFunction>(reinterpret_cast<void *>(on_collection)),
                          METH_FASTCALL, "record a collection"};

PyObject *gc_attribute(const char *name) {
    PyObject *module = PyImport_ImportModule("gc");
    PyObject *value = module ? PyObject_GetAttrString(module, name) : nullptr;
    Py_XDECREF(module);
    if (!value)
        PyErr_Clear();
    return value;
}

// First in gc.callbacks, or a reason.
std::string install() {
    if (hook.function)
        return {};
    const char *reason;
    hook.layout = whet_layout_get(&reason);
    if (!hook.layout)
        return reason;
    hook.interpreter = reinterpret_cast<const char *>(PyInterpreterState_Get());
    if (!hook.generation_key) {
        hook.generation_key = PyUnicode_InternFromString("generation");
        hook.collected_key = PyUnicode_InternFromString("collected");
        hook.uncollectable_key = PyUnicode_InternFromString("uncollectable");
        hook.get_count = gc_attribute("get_count");
    }
    PyObject *callbacks = gc_attribute("callbacks");
    PyObject *function = PyCFunction_New(&definition, nullptr);
    bool done = hook.get_count && callbacks && function && PyList_Check(callbacks) &&
                PyList_Insert(callbacks, 0, function) == 0;
    PyErr_Clear();
    Py_XDECREF(callbacks);
    if (!done) {
        Py_XDECREF(function);
        return "gc.callbacks cannot be used in this program";
    }
    hook.function = function;
    hook.begin_ns = 0;
    return {};
}

void remove() {
    PyObject *callbacks = gc_attribute("callbacks");
    if (callbacks && PyList_Check(callbacks)) {
        for (Py_ssize_t i = PyList_GET_SIZE(callbacks); i-- > 0;) {
            if (PyList_GET_ITEM(callbacks, i) == hook.function)
                PySequence_DelItem(callbacks, i);
        }
    }
    PyErr_Clear();
    Py_XDECREF(callbacks);
    Py_CLEAR(hook.function);
}

double quantile(const Recording &r, double share) {
    auto wanted = static_cast<uint64_t>(share * static_cast<double>(r.collections));
    uint64_t seen = 0;
    int64_t longest_ns = 0;
    for (const Generation &g : r.generations)
        longest_ns = std::max(longest_ns, g.longest_ns);
    for (size_t bin = 0; bin < BINS; ++bin) {
        for (const Generation &g : r.generations)
            seen += g.histogram[bin];
        // The middle of the last bin may be above all that is in it.
        if (seen > wanted)
            return std::min<double>(bin_ns(bin), static_cast<double>(longest_ns));
    }
    return 0;
}

void begin_anew() {
    hook.recording = Recording{};
    hook.recording.started_ns = clock_ns(CLOCK_MONOTONIC);
    hook.rss_read_ns = 0;
}

} // namespace

bool gc_running() { return hook.records; }

std::string gc_start() {
    if (hook.records)
        return "a recording of garbage collections is running in this process already";
    std::string reason = install();
    if (!reason.empty())
        return reason;
    begin_anew();
    hook.recording.entries.reserve(MAX_ENTRIES);
    hook.records = true;
    return {};
}

void gc_stop() {
    if (!hook.records)
        return;
    hook.records = false;
    hook.recording.stopped_ns = clock_ns(CLOCK_MONOTONIC);
    if (!hook.prints)
        remove();
}

void gc_forget() {
    if (!hook.records)
        return;
    gc_stop();
    begin_anew();
}

std::string gc_print_lines() {
    std::string reason = install();
    if (reason.empty() && !hook.prints) {
        hook.printed.started_ns = clock_ns(CLOCK_MONOTONIC);
        hook.prints = true;
    }
    return reason;
}

std::map<std::string, double> gc_statistics() {
    const Recording &r = hook.recording;
    int64_t end_ns = r.stopped_ns ? r.stopped_ns : clock_ns(CLOCK_MONOTONIC);
    std::map<std::string, double> result{
        {"collections", static_cast<double>(r.collections)},
        {"pause_ns", static_cast<double>(r.pause_ns)},
        {"duration_ns", r.started_ns ? static_cast<double>(end_ns - r.started_ns) : 0.0},
        {"collected", static_cast<double>(r.collected)},
        {"uncollectable", static_cast<double>(r.uncollectable)},
        {"peak_objects", static_cast<double>(r.peak_objects)},
        {"merged", static_cast<double>(r.merged)},
        {"hook_ns", static_cast<double>(r.hook_ns)},
        {"pause_median_ns", quantile(r, 0.5)},
        {"pause_p90_ns", quantile(r, 0.9)},
        {"pause_p99_ns", quantile(r, 0.99)},
    };
    int64_t longest_ns = 0;
    for (size_t g = 0; g < GC_GENERATIONS; ++g) {
        const Generation &generation = r.generations[g];
        std::string name = std::to_string(g);
        result["collections_" + name] = static_cast<double>(generation.collections);
        result["pause_" + name + "_ns"] = static_cast<double>(generation.pause_ns);
        result["longest_" + name + "_ns"] = static_cast<double>(generation.longest_ns);
        longest_ns = std::max(longest_ns, generation.longest_ns);
    }
    result["longest_ns"] = static_cast<double>(longest_ns);
    return result;
}

std::vector<uint64_t> gc_pauses() {
    std::vector<uint64_t> counts(BINS / BINS_PER_DOUBLING);
    for (const Generation &g : hook.recording.generations) {
        for (size_t bin = 0; bin < BINS; ++bin)
            counts[bin / BINS_PER_DOUBLING] += g.histogram[bin];
    }
    return counts;
}

std::string gc_lines(const std::map<int, std::string> &names) {
    std::string text;
    char line[LINE_ROOM], number[32];
    for (const GcEntry &entry : hook.recording.entries) {
        auto name = names.find(entry.thread);
        std::snprintf(number, sizeof number, "thread %d", entry.thread);
        const char *thread = name == names.end() ? number : name->second.c_str();
        text.append(line, format_line(line, entry, thread)).push_back('\n');
    }
    return text;
}

} // namespace whet::probe
