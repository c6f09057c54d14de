// The compiled module whet._remote: reads other processes. Bindings only.
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include "remote/sampler.hpp"

namespace nb = nanobind;
using namespace whet::remote;

namespace {

Layout layout_of(const std::map<std::string, uint64_t> &at) {
    auto get = [&](const char *name) -> size_t {
        auto found = at.find(name);
        if (found == at.end())
            throw nb::key_error(name);
        return found->second;
    };
#define WHET_AT(name) .name = get(#name)
    return {WHET_AT(runtime_interpreters), WHET_AT(runtime_gil),      WHET_AT(interpreter_next),
            WHET_AT(interpreter_threads),  WHET_AT(interpreter_gil),  WHET_AT(gil_holder),
            WHET_AT(gil_locked),           WHET_AT(gil_switches),     WHET_AT(gil_condition),
            WHET_AT(thread_next),          WHET_AT(thread_native_id), WHET_AT(thread_chunk),
            WHET_AT(thread_chunk_top),     WHET_AT(thread_frame),     WHET_AT(frame_is_in_cframe),
            WHET_AT(cframe_frame),         WHET_AT(frame_code),       WHET_AT(frame_instruction),
            WHET_AT(frame_previous),       WHET_AT(frame_owner),      WHET_AT(code_mask),
            WHET_AT(skipped_owners),       WHET_AT(chunk_previous),   WHET_AT(chunk_size),
            WHET_AT(code_filename),        WHET_AT(code_name),        WHET_AT(code_lines),
            WHET_AT(code_first_line),      WHET_AT(code_start),       WHET_AT(code_version),
            WHET_AT(object_type),          WHET_AT(type_name),        WHET_AT(bytes_size),
            WHET_AT(bytes_value),          WHET_AT(text_length),      WHET_AT(text_state),
            WHET_AT(ascii_bytes),          WHET_AT(compact_bytes)};
#undef WHET_AT
}

nb::str text(const std::string &utf8) {
    PyObject *made =
        PyUnicode_DecodeUTF8(utf8.data(), static_cast<Py_ssize_t>(utf8.size()), "surrogateescape");
    if (!made)
        throw nb::python_error();
    return nb::steal<nb::str>(made);
}

nb::tuple state_of(const State &state) {
    return nb::make_tuple(text(std::string(1, state.letter)), state.call, static_cast<int>(state.gil));
}

std::map<std::string, double> statistics(const Sampler &sampler) {
    Statistics s = sampler.statistics();
    auto number = [](uint64_t value) { return static_cast<double>(value); };
    return {{"ticks", number(s.ticks)},           {"proved", number(s.proved)},
            {"unproved", number(s.unproved)},     {"moved", number(s.moved)},
            {"rejected", number(s.rejected)},     {"retries", number(s.retries)},
            {"cpu_changes", number(s.moves)},     {"own_cpu_ns", number(s.own_cpu_ns)},
            {"window_ns", number(s.window_ns)},   {"slowed_ns", number(s.slowed_ns)},
            {"threads_cpu_ns", number(s.run_ns)}, {"elapsed_ns", number(s.end_ns - s.begin_ns)}};
}

nb::list codes(const Sampler &sampler) {
    auto guard = sampler.lock();
    nb::list result;
    for (const Code &code : sampler.codes())
        result.append(nb::make_tuple(text(code.name), text(code.filename), code.first_line));
    return result;
}

nb::list nodes(const Sampler &sampler) {
    auto guard = sampler.lock();
    nb::list result;
    for (const Node &node : sampler.counts().nodes())
        result.append(nb::make_tuple(node.parent, node.code, node.line));
    return result;
}

nb::list counts(const Sampler &sampler) {
    auto guard = sampler.lock();
    nb::list result;
    for (const auto &[key, count] : sampler.counts().counts())
        result.append(nb::make_tuple(std::get<0>(key), std::get<1>(key), state_of(std::get<2>(key)),
                                     count.samples, count.wall_ns, count.cpu_samples, count.cpu_ns));
    return result;
}

nb::list last(const Sampler &sampler) {
    auto guard = sampler.lock();
    nb::list result;
    for (const auto &key : sampler.last())
        result.append(nb::make_tuple(std::get<0>(key), std::get<1>(key), state_of(std::get<2>(key))));
    return result;
}

nb::list names(const Sampler &sampler) {
    auto guard = sampler.lock();
    nb::list result;
    for (const ThreadName &name : sampler.names())
        result.append(nb::make_tuple(name.id, text(name.name)));
    return result;
}

std::map<int, int64_t> unseen(const Sampler &sampler) {
    auto guard = sampler.lock();
    return {sampler.unseen().begin(), sampler.unseen().end()};
}

std::string ended(const Sampler &sampler) {
    return sampler.ended() == Ended::no ? "" : sampler.ended() == Ended::exited ? "exited" : "unreadable";
}

} // namespace

NB_MODULE(_remote, m) {
    nb::class_<Sampler>(m, "Sampler")
        .def(
            "__init__",
            [](Sampler *self, int pid, uint64_t runtime, const std::map<std::string, uint64_t> &layout) {
                new (self) Sampler(pid, runtime, layout_of(layout));
            },
            nb::arg("pid"), nb::arg("runtime"), nb::arg("layout"))
        .def("look", &Sampler::look, nb::call_guard<nb::gil_scoped_release>())
        .def("run", &Sampler::run, nb::arg("rate_hz"), nb::arg("duration_s"), nb::arg("own_share"),
             nb::arg("program_share"), nb::call_guard<nb::gil_scoped_release>())
        .def("stop", &Sampler::stop)
        .def("ended", &ended)
        .def("statistics", &statistics)
        .def("codes", &codes)
        .def("nodes", &nodes)
        .def("counts", &counts)
        .def("last", &last)
        .def("names", &names)
        .def("unseen", &unseen);
    m.def("read_memory", [](int pid, uint64_t address, size_t bytes) {
        std::string data(bytes, '\0');
        data.resize(Memory(pid).read_some(address, data.data(), bytes));
        return nb::bytes(data.data(), data.size());
    });
    m.def("line_of", [](nb::bytes table, int first_line, int64_t offset) {
        return line_of(std::string(table.c_str(), table.size()), first_line, offset);
    });
}
