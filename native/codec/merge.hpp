// Merges profiles one after the other: each is folded into the result and let go.
//
// What is the same is decided by pprof's keys, as in src/whet/model/dedupe.py, the oracle: rows are
// in order of first use, values of equal samples are added up (and stay where they become 0),
// addresses count relative to their mapping. Rules: github.com/google/pprof, profile/merge.go.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "codec/profile.hpp"

namespace whet {

// Numbers of rows that are found by their content; the content stays in the table of its owner.
class RowIndex {
  public:
    // Return the row that `equals`, or -1; `hash` is that of the content.
    template <class Equals> std::int32_t find(std::uint64_t hash, Equals equals) const {
        if (slots_.empty())
            return -1;
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t i = hash & mask; slots_[i]; i = (i + 1) & mask) {
            const std::uint32_t row = slots_[i] - 1;
            if (hashes_[row] == static_cast<std::uint32_t>(hash >> 32) && equals(row))
                return static_cast<std::int32_t>(row);
        }
        return -1;
    }
    // Add the next row: rows are added in order, none of them twice.
    void add(std::uint64_t hash);

  private:
    void place(std::uint32_t row);

    Column<std::uint32_t> slots_;  // row + 1; 0 = free
    Column<std::uint32_t> hashes_; // upper half, by row
    Column<std::uint32_t> lower_;  // lower half
};

class Merger {
  public:
    Merger();

    // Fold a profile in. Returns false where its sample types or its period type are not those of
    // the first one; nothing is changed then. A profile without mappings gets an empty one.
    bool add(const Profile &p);

    // Give the result away.
    Profile take() { return std::move(out_); }

  private:
    struct Source; // a profile, and which rows of the result its own ones are

    std::int32_t string(Source &from, std::int32_t index);
    std::int32_t mapping(Source &from, std::int32_t row);
    std::int32_t function(Source &from, std::int32_t row);
    std::int32_t location(Source &from, std::int32_t row);
    std::int32_t location_row(Source &from, std::int32_t row);
    void sample(Source &from, std::size_t row);
    void read_labels(Source &from, std::size_t row);
    void add_sample(std::uint64_t hash, std::span<const std::int64_t> values);
    void header(Source &from);
    bool fits(const Profile &p) const;

    struct Line {
        std::int32_t function;
        std::int64_t line, column;
        bool operator==(const Line &) const = default;
    };
    struct Label {
        std::int32_t key, text, unit;
        std::int64_t number;
        bool operator==(const Label &) const = default;
    };

    Profile out_;
    bool is_first_ = true;
    RowIndex strings_, functions_, locations_, samples_;
    std::map<std::array<std::uint64_t, 3>, std::int32_t> mappings_;
    std::set<std::int32_t> comments_;
    std::vector<Line> lines_;         // of one location
    std::vector<std::int32_t> stack_; // of one sample
    std::vector<Label> labels_;
};

} // namespace whet
