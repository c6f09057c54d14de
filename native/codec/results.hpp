// Plain result lines of Go's benchmark format into columns. Definition: kernels/reference/results.py.
#pragma once

#include <cstdint>
#include <string_view>

#include "codec/column.hpp"

namespace whet {

// Numbers texts in order of first appearance; they stay where they are, in the block.
class TextTable {
  public:
    std::int32_t number(std::string_view text);
    const Column<std::string_view> &texts() const { return texts_; }

  private:
    void grow();

    Column<std::string_view> texts_;
    Column<std::uint64_t> hashes_;
    Column<std::uint32_t> slots_; // number + 1; 0 = free
};

struct ScannedResults {
    Column<std::int64_t> line;
    Column<std::int32_t> name;
    Column<std::int64_t> iterations;
    Column<std::int64_t> value_start;
    Column<double> value;
    Column<std::int32_t> unit;
    TextTable names, units;
    Column<std::int64_t> other_line, other_start, other_end;
    std::int64_t lines = 0;
};

ScannedResults scan_results(std::string_view block);

} // namespace whet
