// Collapsed stacks, `root;caller;leaf VALUE` a line, into columns. Definition: kernels/reference/folded.py.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "codec/column.hpp"
#include "codec/ids.hpp"

namespace whet {

// Numbers of different rows of a table that lives elsewhere, found by a hash of their content.
class RowIndex {
  public:
    // Return the row with this hash for which `same(row)`, or `count`, which is taken to be added now.
    template <class Same> std::uint32_t find_or_add(std::uint64_t hash, Same same) {
        if (2 * (hashes_.size() + 1) > slots_.size())
            grow();
        const auto tag = static_cast<std::uint32_t>(hash >> 32);
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = tag & mask;
        for (; slots_[i]; i = (i + 1) & mask)
            if (hashes_[slots_[i] - 1] == tag && same(slots_[i] - 1))
                return slots_[i] - 1;
        hashes_.push_back(tag);
        slots_[i] = static_cast<std::uint32_t>(hashes_.size());
        return slots_[i] - 1;
    }

    std::size_t size() const { return hashes_.size(); }
    void reset() {
        slots_.reset();
        hashes_.reset();
    }

  private:
    void grow() {
        std::size_t size = slots_.size() ? 2 * slots_.size() : 64;
        slots_.reset();
        slots_.resize(size);
        for (std::size_t row = 0; row < hashes_.size(); ++row) {
            std::size_t i = hashes_[row] & (size - 1);
            while (slots_[i])
                i = (i + 1) & (size - 1);
            slots_[i] = static_cast<std::uint32_t>(row + 1);
        }
    }

    Column<std::uint32_t> slots_; // row + 1; 0 = free
    Column<std::uint32_t> hashes_;
};

struct Folded {
    Column<std::uint8_t> blob; // all strings; the first one is empty
    Column<std::int64_t> string_start;
    Column<std::int32_t> name, filename; // of functions
    Column<std::int32_t> function;       // of locations
    Column<std::int64_t> line;
    Column<std::int64_t> stack_start;
    Column<std::int32_t> stack; // leaf first
    Column<std::int64_t> value;
};

// Why reading ended before the end, and where.
enum class FoldedProblem : int { none = 0, bad_line = 1, long_line = 2, overflow = 3, too_many_frames = 4 };

class FoldedReader {
  public:
    explicit FoldedReader(std::uint64_t seed);

    // Take a piece of the text; returns false once there is a problem.
    bool feed(const char *data, std::size_t size);
    bool finish();

    Folded columns; // complete after `finish`
    FoldedProblem problem = FoldedProblem::none;
    std::uint64_t line_number = 0; // of the line last looked at
    std::string bad_line;          // only its beginning where it is long

  private:
    bool take_line(std::string_view line);
    bool take_stack(std::string_view stack, std::int64_t value);
    bool fail(FoldedProblem why, std::string_view line);
    std::int32_t location(std::string_view frame);
    std::int32_t function(std::int32_t name, std::int32_t filename);
    std::int32_t string(std::string_view text);
    std::uint64_t hash(const void *data, std::size_t size) const;

    std::uint64_t seed_;
    std::string rest_; // the beginning of a line whose end has not come yet
    RowIndex strings_, functions_, locations_, stacks_;
};

} // namespace whet
