#include "codec/folded.hpp"

#include <cstring>

namespace whet {

namespace {

constexpr std::size_t max_line_bytes = std::size_t{1} << 24;
constexpr std::size_t max_frames = std::size_t{1} << 26;
constexpr std::size_t shown_bytes = 200;
constexpr std::size_t max_line_digits = 18;
constexpr std::size_t max_value_digits = 19;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Read `[+-]?[0-9]{1,19}` whose size is below 2^63.
bool parse_value(std::string_view text, std::int64_t &value) {
    const bool negative = !text.empty() && text[0] == '-';
    if (!text.empty() && (text[0] == '-' || text[0] == '+'))
        text.remove_prefix(1);
    if (text.empty() || text.size() > max_value_digits)
        return false;
    std::uint64_t sum = 0; // 19 digits fit in 64 bits without a sign
    for (char c : text) {
        if (!is_digit(c))
            return false;
        sum = 10 * sum + static_cast<std::uint64_t>(c - '0');
    }
    if (sum >> 63)
        return false;
    value = negative ? -static_cast<std::int64_t>(sum) : static_cast<std::int64_t>(sum);
    return true;
}

struct Frame {
    std::string_view name, file;
    std::int64_t line = 0;
};

// Take `name (file:line)` apart; what does not end like this is a name as a whole. Files may
// contain pairs of brackets: the last bracket is followed back to its partner.
Frame split(std::string_view text) {
    const Frame bare{text, {}, 0};
    if (text.empty() || text.back() != ')')
        return bare;
    std::size_t end = text.size() - 1, at = end;
    std::int64_t line = 0, unit = 1;
    while (at > 0 && is_digit(text[at - 1]) && end - at < max_line_digits) {
        line += unit * (text[--at] - '0');
        unit *= 10;
    }
    if (at == end || at == 0 || text[at - 1] != ':')
        return bare;
    const std::size_t colon = --at;
    int depth = 1;
    while (depth && at) {
        --at;
        depth += text[at] == ')' ? 1 : text[at] == '(' ? -1 : 0;
    }
    if (depth || at == 0 || text[at - 1] != ' ')
        return bare;
    return {text.substr(0, at - 1), text.substr(at + 1, colon - at - 1), line};
}

} // namespace

FoldedReader::FoldedReader(std::uint64_t seed) : seed_(seed) {
    columns.string_start.push_back(0);
    columns.stack_start.push_back(0);
    for (std::string_view text : {"", "samples", "count"})
        string(text);
}

bool FoldedReader::feed(const char *data, std::size_t size) {
    if (problem != FoldedProblem::none)
        return false;
    const char *at = data, *end = data + size;
    while (const void *found =
               at < end ? std::memchr(at, '\n', static_cast<std::size_t>(end - at)) : nullptr) {
        const char *newline = static_cast<const char *>(found);
        std::string_view line(at, static_cast<std::size_t>(newline - at));
        at = newline + 1;
        if (!rest_.empty()) {
            rest_.append(line);
            line = rest_;
        }
        if (!take_line(line))
            return false;
        rest_.clear();
    }
    rest_.append(at, static_cast<std::size_t>(end - at));
    if (rest_.size() > max_line_bytes) {
        ++line_number;
        return fail(FoldedProblem::long_line, rest_);
    }
    return true;
}

bool FoldedReader::finish() {
    if (problem != FoldedProblem::none || (!rest_.empty() && !take_line(rest_)))
        return false;
    for (RowIndex *index : {&strings_, &functions_, &locations_, &stacks_})
        index->reset();
    return true;
}

bool FoldedReader::take_line(std::string_view line) {
    ++line_number;
    if (line.size() > max_line_bytes)
        return fail(FoldedProblem::long_line, line);
    if (!line.empty() && line[0] == '#')
        return true;
    const std::string_view whole = line;
    while (!line.empty() && is_space(line.back()))
        line.remove_suffix(1);
    if (line.empty())
        return true;
    const std::size_t space = line.rfind(' ');
    const bool bare = space == std::string_view::npos;
    std::int64_t value = 0;
    if (!parse_value(bare ? line : line.substr(space + 1), value))
        return fail(FoldedProblem::bad_line, whole);
    return take_stack(bare ? std::string_view{} : line.substr(0, space), value) || fail(problem, whole);
}

bool FoldedReader::take_stack(std::string_view stack, std::int64_t value) {
    Folded &c = columns;
    const std::size_t first = c.stack.size();
    for (std::size_t end = stack.size(), at; end > 0; end = at ? at - 1 : 0) {
        at = stack.rfind(';', end - 1);
        at = at == std::string_view::npos ? 0 : at + 1;
        if (at < end)
            c.stack.push_back(location(stack.substr(at, end - at)));
    }
    const std::size_t size = c.stack.size() - first;
    const std::uint32_t row = stacks_.find_or_add(
        hash(c.stack.data() + first, size * sizeof(std::int32_t)), [&](std::uint32_t other) {
            const std::size_t from = static_cast<std::size_t>(c.stack_start[other]);
            return static_cast<std::size_t>(c.stack_start[other + 1]) - from == size &&
                   (!size ||
                    !std::memcmp(c.stack.data() + from, c.stack.data() + first, size * sizeof(std::int32_t)));
        });
    if (row < c.value.size()) {
        while (c.stack.size() > first)
            c.stack.pop_back();
        if (__builtin_add_overflow(c.value[row], value, &c.value[row]))
            problem = FoldedProblem::overflow;
    } else {
        c.value.push_back(value);
        c.stack_start.push_back(static_cast<std::int64_t>(c.stack.size()));
        if (c.stack.size() > max_frames)
            problem = FoldedProblem::too_many_frames;
    }
    return problem == FoldedProblem::none;
}

bool FoldedReader::fail(FoldedProblem why, std::string_view line) {
    problem = why;
    bad_line.assign(line.substr(0, why == FoldedProblem::bad_line ? line.size() : shown_bytes));
    return false;
}

std::int32_t FoldedReader::location(std::string_view frame) {
    Folded &c = columns;
    const Frame parts = split(frame);
    const std::int32_t name = string(parts.name), filename = string(parts.file);
    const std::int64_t key[] = {name, filename, parts.line};
    const std::uint32_t row = locations_.find_or_add(hash(key, sizeof key), [&](std::uint32_t other) {
        const std::int32_t f = c.function[other];
        return c.line[other] == parts.line && c.name[f] == name && c.filename[f] == filename;
    });
    if (row == c.line.size()) {
        c.line.push_back(parts.line);
        c.function.push_back(function(name, filename));
    }
    return static_cast<std::int32_t>(row);
}

std::int32_t FoldedReader::function(std::int32_t name, std::int32_t filename) {
    Folded &c = columns;
    const std::int32_t key[] = {name, filename};
    const std::uint32_t row = functions_.find_or_add(hash(key, sizeof key), [&](std::uint32_t other) {
        return c.name[other] == name && c.filename[other] == filename;
    });
    if (row == c.name.size()) {
        c.name.push_back(name);
        c.filename.push_back(filename);
    }
    return static_cast<std::int32_t>(row);
}

std::int32_t FoldedReader::string(std::string_view text) {
    Folded &c = columns;
    const std::uint32_t row = strings_.find_or_add(hash(text.data(), text.size()), [&](std::uint32_t other) {
        const std::int64_t from = c.string_start[other];
        return c.string_start[other + 1] - from == static_cast<std::int64_t>(text.size()) &&
               (text.empty() || !std::memcmp(c.blob.data() + from, text.data(), text.size()));
    });
    if (row + 1 == c.string_start.size()) {
        c.blob.append(reinterpret_cast<const std::uint8_t *>(text.data()), text.size());
        c.string_start.push_back(static_cast<std::int64_t>(c.blob.size()));
    }
    return static_cast<std::int32_t>(row);
}

// Each step is a bijection of what came before, and the seed differs from process to process, so
// that a file cannot be made to fill one slot.
std::uint64_t FoldedReader::hash(const void *data, std::size_t size) const {
    const char *at = static_cast<const char *>(data);
    std::uint64_t h = mix64(seed_ ^ size), word = 0;
    for (; size >= sizeof word; size -= sizeof word, at += sizeof word) {
        std::memcpy(&word, at, sizeof word);
        h = mix64(h ^ word);
    }
    word = 0;
    if (size)
        std::memcpy(&word, at, size);
    return mix64(h ^ word);
}

} // namespace whet
