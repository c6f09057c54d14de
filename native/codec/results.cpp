#include "codec/results.hpp"

#include <cstring>

namespace whet {

namespace {

constexpr std::string_view prefix = "Benchmark";
constexpr int most_iteration_digits = 18;
constexpr int most_digits = 15; // such a number and its power of ten are exact doubles
constexpr double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                             1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_visible(char c) { return c > ' ' && c < 0x7f; }

// Reads one line; every function returns whether what it looked for was there.
class Line {
  public:
    explicit Line(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

    bool ended() const { return at_ == end_; }

    bool blanks() {
        const char *start = at_;
        while (at_ != end_ && is_blank(*at_))
            ++at_;
        return at_ != start;
    }

    bool word(std::string_view &out) {
        const char *start = at_;
        while (at_ != end_ && is_visible(*at_))
            ++at_;
        out = {start, static_cast<std::size_t>(at_ - start)};
        return at_ != start;
    }

    bool iterations(std::int64_t &out) {
        std::int64_t value = 0;
        const int digits = this->digits(value, most_iteration_digits);
        out = value;
        return digits > 0;
    }

    bool number(double &out) {
        std::int64_t value = 0;
        const int whole = digits(value, most_digits);
        int fraction = 0;
        if (whole <= 0)
            return false;
        if (at_ != end_ && *at_ == '.') {
            ++at_;
            fraction = digits(value, most_digits - whole);
            if (fraction <= 0)
                return false;
        }
        out = static_cast<double>(value) / powers[fraction];
        return true;
    }

  private:
    // Adds digits to `value`; returns how many there were, -1 if more than `most`.
    int digits(std::int64_t &value, int most) {
        int count = 0;
        for (; at_ != end_ && is_digit(*at_); ++at_, ++count) {
            if (count == most)
                return -1;
            value = value * 10 + (*at_ - '0');
        }
        return count;
    }

    const char *at_;
    const char *end_;
};

// Appends a plain line to the columns; takes back what it appended if it turns out not to be one.
bool add_plain(std::string_view text, ScannedResults &out) {
    Line line(text.substr(prefix.size()));
    std::string_view name, unit;
    std::int64_t iterations = 0;
    if (!line.word(name) || !line.blanks() || !line.iterations(iterations) || !line.blanks())
        return false;
    const std::size_t before = out.value.size();
    std::string_view units[32];
    std::size_t count = 0;
    do {
        double value = 0;
        // Lines with very many values are left to the format's own reader.
        if (count == std::size(units) || !line.number(value) || !line.blanks() || !line.word(unit)) {
            out.value.resize(before);
            return false;
        }
        out.value.push_back(value);
        units[count++] = unit;
        if (!line.blanks())
            break;
    } while (!line.ended());
    if (!line.ended()) {
        out.value.resize(before);
        return false;
    }
    for (std::size_t i = 0; i < count; ++i)
        out.unit.push_back(out.units.number(units[i]));
    out.line.push_back(out.lines);
    out.name.push_back(out.names.number(name));
    out.iterations.push_back(iterations);
    out.value_start.push_back(static_cast<std::int64_t>(out.value.size()));
    return true;
}

bool may_mean_something(std::string_view line) {
    if (line.empty())
        return false;
    const auto first = static_cast<unsigned char>(line[0]);
    if (first >= 0x80 || first == 'U')
        return true;
    if (first >= 'a' && first <= 'z')
        return std::memchr(line.data(), ':', line.size()) != nullptr;
    if (!line.starts_with(prefix))
        return false;
    for (char c : line)
        if (!is_visible(c))
            return true;
    return false;
}

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0x9e3779b97f4a7c15u ^ text.size();
    const char *at = text.data();
    std::size_t left = text.size();
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    std::uint64_t word = 0;
    std::memcpy(&word, at, left);
    hash = (hash ^ word) * 0xc4ceb9fe1a85ec53u;
    return hash ^ (hash >> 29);
}

} // namespace

std::int32_t TextTable::number(std::string_view text) {
    if (2 * (texts_.size() + 1) > slots_.size())
        grow();
    const std::uint64_t hash = hash_of(text);
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = hash & mask;
    for (; slots_[i]; i = (i + 1) & mask)
        if (hashes_[slots_[i] - 1] == hash && texts_[slots_[i] - 1] == text)
            return static_cast<std::int32_t>(slots_[i] - 1);
    texts_.push_back(text);
    hashes_.push_back(hash);
    slots_[i] = static_cast<std::uint32_t>(texts_.size());
    return static_cast<std::int32_t>(texts_.size() - 1);
}

void TextTable::grow() {
    const std::size_t size = slots_.size() ? 2 * slots_.size() : 64;
    slots_.reset();
    slots_.resize(size);
    for (std::size_t row = 0; row < hashes_.size(); ++row) {
        std::size_t i = hashes_[row] & (size - 1);
        while (slots_[i])
            i = (i + 1) & (size - 1);
        slots_[i] = static_cast<std::uint32_t>(row + 1);
    }
}

ScannedResults scan_results(std::string_view block) {
    ScannedResults out;
    out.value_start.push_back(0);
    std::size_t at = 0;
    while (at < block.size()) {
        const void *found = std::memchr(block.data() + at, '\n', block.size() - at);
        const std::size_t end =
            found ? static_cast<std::size_t>(static_cast<const char *>(found) - block.data()) : block.size();
        std::string_view line = block.substr(at, end - at);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (!(line.starts_with(prefix) && add_plain(line, out)) && may_mean_something(line)) {
            out.other_line.push_back(out.lines);
            out.other_start.push_back(static_cast<std::int64_t>(at));
            out.other_end.push_back(static_cast<std::int64_t>(at + line.size()));
        }
        at = end + 1;
        ++out.lines;
    }
    return out;
}

} // namespace whet
