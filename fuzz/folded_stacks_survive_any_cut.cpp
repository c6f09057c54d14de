// Fuzz target: collapsed stacks read alike however the text is cut, and all columns fit together.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "codec/folded.hpp"
#include "fuzzing.hpp"

namespace {

void read(whet::FoldedReader &reader, const std::uint8_t *data, std::size_t size, std::size_t step) {
    for (std::size_t at = 0; at < size; at += step)
        if (!reader.feed(reinterpret_cast<const char *>(data) + at, std::min(step, size - at)))
            break;
    reader.finish();
}

template <class T> bool same(const whet::Column<T> &a, const whet::Column<T> &b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

template <class T> bool below(const whet::Column<T> &rows, std::size_t count) {
    return std::all_of(rows.begin(), rows.end(),
                       [&](T row) { return row >= 0 && static_cast<std::size_t>(row) < count; });
}

void check(const whet::Folded &c) {
    const std::size_t strings = c.string_start.size() - 1;
    if (c.string_start.back() != static_cast<std::int64_t>(c.blob.size()) ||
        c.name.size() != c.filename.size() || c.function.size() != c.line.size() ||
        c.stack_start.size() != c.value.size() + 1)
        violated("columns have the lengths of their tables");
    if (!below(c.name, strings) || !below(c.filename, strings) || !below(c.function, c.name.size()) ||
        !below(c.stack, c.line.size()))
        violated("rows refer to rows");
    if (!std::is_sorted(c.stack_start.begin(), c.stack_start.end()))
        violated("stacks follow one another");
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    whet::FoldedReader whole(1), cut(2);
    read(whole, data, size, size ? size : 1);
    read(cut, data, size, size ? 1 + data[size / 2] % 61 : 1);
    if (whole.problem != cut.problem || whole.line_number != cut.line_number ||
        whole.bad_line != cut.bad_line)
        violated("the same line is wrong for the same reason");
    const whet::Folded &a = whole.columns, &b = cut.columns;
    if (!same(a.blob, b.blob) || !same(a.string_start, b.string_start) || !same(a.name, b.name) ||
        !same(a.filename, b.filename) || !same(a.function, b.function) || !same(a.line, b.line) ||
        !same(a.stack_start, b.stack_start) || !same(a.stack, b.stack) || !same(a.value, b.value))
        violated("cutting the text and another seed change nothing");
    if (whole.problem == whet::FoldedProblem::none)
        check(a);
    return 0;
}
