// Bindings of native/codec/results and native/codec/ranks.
#include <nanobind/nanobind.h>

#include "codec/ranks.hpp"
#include "codec/results.hpp"
#include "module/arrays.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

nb::list texts_of(const TextTable &table) {
    nb::list texts;
    for (std::string_view text : table.texts())
        texts.append(nb::bytes(text.data(), text.size()));
    return texts;
}

// The columns in the order of reference.ScannedResults.
nb::tuple py_scan_results(nb::bytes block) {
    ScannedResults found;
    const std::string_view text(static_cast<const char *>(block.data()), block.size());
    {
        nb::gil_scoped_release unlocked;
        found = scan_results(text);
    }
    nb::list names = texts_of(found.names), units = texts_of(found.units);
    return nb::make_tuple(to_numpy(std::move(found.line)), to_numpy(std::move(found.name)),
                          to_numpy(std::move(found.iterations)), to_numpy(std::move(found.value_start)),
                          to_numpy(std::move(found.value)), to_numpy(std::move(found.unit)), names, units,
                          to_numpy(std::move(found.other_line)), to_numpy(std::move(found.other_start)),
                          to_numpy(std::move(found.other_end)), found.lines);
}

// Whether `start` cuts `ties` into problems that `first` and `two_u` fit.
bool fits(std::span<const std::int64_t> start, std::span<const std::int64_t> ties, std::int64_t first,
          std::span<const std::int64_t> two_u) {
    if (start.size() != two_u.size() + 1 || start[0] != 0 ||
        start.back() != static_cast<std::int64_t>(ties.size()) || first < 0)
        return false;
    for (std::size_t i = 0; i < two_u.size(); ++i) {
        if (start[i + 1] < start[i])
            return false;
        std::int64_t all = 0;
        for (std::int64_t at = start[i]; at < start[i + 1]; ++at) {
            if (ties[static_cast<std::size_t>(at)] < 1 || ties[static_cast<std::size_t>(at)] > 1 << 10)
                return false;
            all += ties[static_cast<std::size_t>(at)];
        }
        if (all > 1 << 10 || first > all || two_u[i] < 0 || two_u[i] > 2 * first * (all - first))
            return false;
    }
    return true;
}

nb::tuple py_rank_tails(Array<std::int64_t> start, Array<std::int64_t> ties, std::int64_t first,
                        Array<std::int64_t> two_u) {
    const auto starts = span_of(start), ranks = span_of(ties), seen = span_of(two_u);
    if (!fits(starts, ranks, first, seen))
        throw nb::value_error("ranks do not fit together");
    Column<double> lower, tail;
    lower.resize(seen.size());
    tail.resize(seen.size());
    {
        nb::gil_scoped_release unlocked;
        rank_tails(starts, ranks, first, seen, {lower.data(), lower.size()}, {tail.data(), tail.size()});
    }
    return nb::make_tuple(to_numpy(std::move(lower)), to_numpy(std::move(tail)));
}

} // namespace

void bind_results(nb::module_ &m) {
    m.def("scan_results", &py_scan_results, nb::arg("block"));
    m.def("rank_tails", &py_rank_tails, nb::arg("start"), nb::arg("ties"), nb::arg("first"),
          nb::arg("two_u"));
}
