// The compiled module whet._probe: the collectors. Bindings only.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "codec/decode.hpp"
#include "codec/difference.hpp"
#include "codec/join.hpp"
#include "codec/otlp.hpp"
#include "module/errors.hpp"
#include "probe/bench/bench_timer.hpp"
#include "probe/common/labels.hpp"
#include "probe/common/own_files.hpp"
#include "probe/common/own_threads.hpp"
#include "probe/common/service.hpp"
#include "probe/common/stack_table.hpp"
#include "probe/cpu/sampler.hpp"
#include "probe/dump/thread_states.hpp"
#include "probe/gc/gc_hook.hpp"
#include "probe/heap/heap.hpp"
#include "probe/tasks/tasks.hpp"
#include "probe/waits/blocking.hpp"

namespace nb = nanobind;
using namespace whet::probe;

namespace {

// A function that calls `before`, then `function`, then, whatever happened, `after`. It has no
// Python frame, so that warnings out of `function` name its caller's line.
nb::object surround(nb::callable before, nb::callable function, nb::callable after) {
    return nb::cpp_function([=](nb::args args, nb::kwargs kwargs) {
        before();
        nb::object result;
        try {
            result = function(*args, **kwargs);
        } catch (...) {
            after();
            throw;
        }
        after();
        return result;
    });
}

// A function that calls `before` with its arguments, then `function`. No Python frame either.
nb::object precede(nb::callable before, nb::callable function) {
    return nb::cpp_function([=](nb::args args, nb::kwargs kwargs) {
        before(*args);
        return function(*args, **kwargs);
    });
}

// A function that calls `function` with the arguments that `change` makes of its own.
nb::object adapt(nb::callable change, nb::callable function) {
    return nb::cpp_function([=](nb::args args, nb::kwargs kwargs) {
        nb::object changed = change(*args);
        return function(*nb::cast<nb::tuple>(changed), **kwargs);
    });
}

std::string_view view(nb::handle bytes) {
    const nb::bytes data = nb::cast<nb::bytes>(bytes);
    return {data.c_str(), data.size()};
}

std::vector<std::string_view> views(const nb::list &many) {
    std::vector<std::string_view> result;
    for (nb::handle data : many)
        result.push_back(view(data));
    return result;
}

whet::Profile decoded(std::string_view data) {
    whet::Decoder decoder;
    decoder.feed(reinterpret_cast<const std::uint8_t *>(data.data()), data.size());
    return decoder.finish();
}

nb::bytes as_bytes(const std::string &text) { return nb::bytes(text.data(), text.size()); }

// What came between two snapshots of one recording, all uncompressed profile.proto.
nb::bytes profile_difference(nb::bytes later, nb::bytes earlier) {
    const std::string_view data[] = {view(later), view(earlier)};
    return as_bytes(whet::guarded([&] {
        const whet::Profile now = decoded(data[0]);
        return whet::encode(whet::difference(now, decoded(data[1])));
    }));
}

// Profiles as one with all their value types, those that `names` has, all uncompressed profile.proto.
nb::bytes profile_join(nb::list profiles, const std::map<std::string, std::string> &names) {
    const std::vector<std::string_view> data = views(profiles);
    return as_bytes(whet::guarded([&] {
        std::vector<whet::Profile> several;
        for (std::string_view one : data)
            several.push_back(decoded(one));
        return whet::encode(whet::join(std::move(several), names));
    }));
}

// (Profile messages as field 2 of ScopeProfiles, ProfilesDictionary) of uncompressed profile.proto.
nb::tuple profile_otlp(nb::list profiles, nb::list ids) {
    const std::vector<std::string_view> data = views(profiles), own = views(ids);
    whet::Otlp otlp;
    const std::string dictionary = whet::guarded([&] {
        for (std::size_t i = 0; i < data.size(); ++i) {
            if (own.at(i).size() != 16)
                whet::fail("an id of other than 16 bytes", 0);
            otlp.add(decoded(data[i]), own[i]);
        }
        return otlp.dictionary();
    });
    return nb::make_tuple(as_bytes(otlp.profiles()), as_bytes(dictionary));
}

// (Python's identifier, the kernel's id, its system call, the scheduler's state) of each thread.
nb::list thread_state_list() {
    nb::list result;
    for (const ThreadState &state : thread_states())
        result.append(nb::make_tuple(state.ident, state.native_id, state.call, state.letter));
    return result;
}

void define_heap(nb::module_ &m) {
    m.def(
        "heap_start",
        [](int64_t mean_bytes, size_t budget_bytes, bool native) {
            return heap_start({mean_bytes, budget_bytes, native});
        },
        nb::arg("mean_bytes"), nb::arg("budget_bytes"), nb::arg("native"),
        "Start; '' or the reason why not.");
    m.def(
        "heap_stop", [](nb::object get_objects) { heap_stop(get_objects.ptr()); }, nb::arg("get_objects"),
        "Stop and take the hooks away; gc.get_objects finds the types of what is in use.");
    m.def("heap_running", &heap_running);
    m.def("heap_take_turns", &heap_take_turns, nb::arg("shift"),
          "Look at small requests in one of 1 << shift slots of time only.");
    m.def("heap_keep_pace", &heap_keep_pace, nb::arg("samples_per_s"),
          "Double the mean interval where it gives more samples than this for some seconds; 0: never.");
    m.def("heap_forget_hooks", &heap_forget_hooks, "In a forked child: take the hooks away.");
    m.def(
        "heap_profile",
        [](const std::vector<std::string> &comments, nb::object get_objects, bool ends_window, bool merges) {
            PyObject *finds_types = get_objects.is_none() ? nullptr : get_objects.ptr();
            return as_bytes(heap_profile(comments, finds_types, ends_window, merges));
        },
        nb::arg("comments"), nb::arg("get_objects").none(), nb::arg("ends_window") = false,
        nb::arg("merges") = false,
        "Allocations, or those of the window that ends, and what is in use, as profile.proto bytes; "
        "gc.get_objects finds its types. With merges, of windows that are over the sums of stacks stay.");
    m.def(
        "heap_peak_profile", [](const std::vector<std::string> &c) { return as_bytes(heap_peak_profile(c)); },
        nb::arg("comments"), "What was in use at the peak, as profile.proto bytes.");
    m.def("heap_statistics", &heap_statistics, "Counters by name; times in ns.");
    m.def(
        "heap_series",
        [] {
            nb::list rows;
            for (const HeapMoment &at : heap_series())
                rows.append(nb::make_tuple(at.seconds, at.resident_bytes, at.live_bytes));
            return rows;
        },
        "Moments: seconds after the start, resident bytes, traced bytes in use.");
}

std::vector<void *> pointers(const nb::list &objects) {
    std::vector<void *> result;
    for (nb::handle object : objects)
        result.push_back(object.ptr());
    return result;
}

void define_tasks(nb::module_ &m) {
    m.def(
        "tasks_start",
        [](int64_t wait_threshold_ns, int64_t slow_threshold_ns) {
            return tasks_start({wait_threshold_ns, slow_threshold_ns});
        },
        nb::arg("wait_threshold_ns"), nb::arg("slow_threshold_ns"),
        "Start watching tasks; '' or the reason why not.");
    m.def("tasks_stop", [](nb::list coroutines) { tasks_stop(pointers(coroutines)); }, nb::arg("coroutines"));
    m.def("tasks_running", &tasks_running);
    m.def(
        "tasks_profiles",
        [](const std::vector<std::string> &comments, nb::list coroutines) {
            TaskProfiles p = tasks_profiles(comments, pointers(coroutines));
            return nb::make_tuple(as_bytes(p.waits), as_bytes(p.slow));
        },
        nb::arg("comments"), nb::arg("coroutines"), "Waits and slow steps so far, as profile.proto bytes.");
    m.def(
        "tasks_lasted", [](nb::list coroutines) { return tasks_lasted(pointers(coroutines)); },
        nb::arg("coroutines"), "ns for which each has been stepping or waiting, -1 if unknown.");
    m.def("tasks_statistics", &tasks_statistics, "Counters by name; times in ns.");
}

} // namespace

NB_MODULE(_probe, m) {
    m.doc() = "collectors of this process; reached through whet.collect.probe only";
    nb::set_leak_warnings(false);
    m.def(
        "sampler_start",
        [](double rate_hz, uint32_t max_frames) { return sampler_start({rate_hz, max_frames}); },
        nb::arg("rate_hz"), nb::arg("max_frames"), "Start sampling; '' or the reason why not.");
    m.def("sampler_stop", &sampler_stop, "Stop sampling and put everything back.");
    m.def("sampler_running", &sampler_running);
    m.def("pause_threads", &service_pause, "End the collectors' own threads for a while.");
    m.def("resume_threads", &service_resume);
    m.def("take_time", &service_take_time,
          "Look at what was collected every 0.25 s instead of every 0.1 s, while collectors run.");
    m.def(
        "write_file",
        [](const nb::bytes &path, const nb::bytes &data) {
            int error;
            {
                nb::gil_scoped_release unlocked;
                error = write_file(path.c_str(), data.c_str(), data.size());
            }
            if (!error)
                return;
            errno = error;
            PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
            throw nb::python_error();
        },
        nb::arg("path"), nb::arg("data"), "Replace a file, by a descriptor that the program never sees.");
    m.def("surround", &surround, nb::arg("before"), nb::arg("function"), nb::arg("after"));
    m.def("precede", &precede, nb::arg("before"), nb::arg("function"));
    m.def("adapt", &adapt, nb::arg("change"), nb::arg("function"));
    m.def("own_thread_begin", &own_thread_begin, "The calling thread is no part of the program.");
    m.def("own_thread_end", &own_thread_end);
    m.def("set_process_label", &set_process_label, nb::arg("text"),
          "The label `process` of all samples written from now on; '' is none.");
    m.def(
        "sampler_profile",
        [](const std::vector<std::string> &comments) {
            std::string data = sampler_profile(comments);
            return nb::bytes(data.data(), data.size());
        },
        nb::arg("comments"), "All samples so far as profile.proto bytes.");
    m.def("sampler_statistics", &sampler_statistics, "Counters by name; times in ns.");
    m.def("profile_difference", &profile_difference, nb::arg("later"), nb::arg("earlier"),
          "What came between two snapshots of one recording; ValueError where they are of two.");
    m.def("profile_join", &profile_join, nb::arg("profiles"), nb::arg("names"),
          "Profiles as one, their value types side by side, under the names that `names` gives them.");
    m.def("profile_otlp", &profile_otlp, nb::arg("profiles"), nb::arg("ids"),
          "OTLP: Profile messages as field 2 of ScopeProfiles, and their ProfilesDictionary.");
    m.def("gil_condition", &gil_condition, "Address of the GIL's condition variable, 0 if unknown.");
    m.def("thread_states", &thread_state_list, "(ident, native id, system call, state) of each thread.");
    m.def("gc_start", &gc_start, "Start recording collections; '' or the reason why not.");
    m.def("gc_stop", &gc_stop);
    m.def("gc_running", &gc_running);
    m.def("gc_forget", &gc_forget, "In a forked child: forget the parent's recording.");
    m.def("gc_print_lines", &gc_print_lines, "Write each collection to stderr; '' or the reason why not.");
    m.def("gc_statistics", &gc_statistics, "Counters by name; times in ns.");
    m.def("gc_pauses", &gc_pauses, "How many pauses took [2^(i+3), 2^(i+4)) ns, by i.");
    m.def("gc_lines", &gc_lines, nb::arg("names"), "The recorded collections as text.");
    m.def("blocking_start", &blocking_start, nb::arg("threshold_ns"),
          "Start recording waits; '' or the reason why not.");
    m.def("blocking_stop", &blocking_stop, "Stop recording waits and put everything back.");
    m.def("blocking_running", &blocking_running);
    m.def(
        "blocking_profiles",
        [](const std::vector<std::string> &comments) {
            BlockingProfiles p = blocking_profiles(comments);
            return nb::make_tuple(nb::bytes(p.block.data(), p.block.size()),
                                  nb::bytes(p.mutex.data(), p.mutex.size()));
        },
        nb::arg("comments"), "Waits and their holders so far, as profile.proto bytes.");
    m.def(
        "blocking_threads",
        [] {
            nb::list rows;
            for (const ThreadTimes &t : blocking_threads())
                rows.append(
                    nb::make_tuple(t.name, t.threads, t.life, t.computing, t.without_processor, t.waits));
            return rows;
        },
        "(name, threads, life, CPU time, time without a processor, waits by reason), all in ns.");
    m.def("blocking_waiting", &blocking_waiting,
          "ns since a call that can block began, by native thread id.");
    m.def("blocking_statistics", &blocking_statistics, "Counters by name; times in ns.");
    define_heap(m);
    define_tasks(m);
    if (!labels_register(m.ptr()) || !bench_timer_register(m.ptr()))
        throw nb::python_error();
}
