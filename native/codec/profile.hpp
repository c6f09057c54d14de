// The Profile in columns: the C++ mirror of src/whet/model/profile.py.
//
// Same names, same meaning: rows are referred to by row number (-1 = none), strings by index,
// variable-length parts are in CSR form (`x_start`), stacks are leaf first, a location's lines
// innermost inlined call first. Specification: github.com/google/pprof, proto/profile.proto.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/column.hpp"
#include "codec/wire.hpp"

namespace whet {

struct StringTable {
    Column<std::uint8_t> blob;
    Column<std::int64_t> start{0, 0}; // string 0 is the empty one

    std::size_t size() const { return start.size() - 1; }

    // The bytes of a string, until one is added.
    std::string_view view(std::int32_t index) const {
        const std::int64_t begin = start[index], end = start[index + 1];
        return {reinterpret_cast<const char *>(blob.data()) + begin, static_cast<std::size_t>(end - begin)};
    }

    // Append a string and return its index. The caller keeps strings unique if it wants to.
    std::int32_t add(std::string_view text) {
        blob.append(reinterpret_cast<const std::uint8_t *>(text.data()), text.size());
        start.push_back(static_cast<std::int64_t>(blob.size()));
        return static_cast<std::int32_t>(size() - 1);
    }
};

struct ValueType {
    std::int32_t type = 0; // string index
    std::int32_t unit = 0; // string index
};

struct Labels {
    Column<std::int32_t> key;  // string index
    Column<std::int32_t> text; // string index; 0 = a numeric label
    Column<std::int64_t> number;
    Column<std::int32_t> unit; // string index
};

// What a decoder keeps.
struct Needs {
    bool samples = true; // else only their messages, unchecked (Samples.messages)
    bool places = true;  // addresses, is_folded, lines and columns; they are checked anyway
};

// Messages as they came, one after the other, each of at most max_logged_bytes.
constexpr std::size_t max_logged_bytes = (std::size_t{1} << 32) - 1;
class MessageLog {
  public:
    void add(wire::Span body) {
        const auto size = static_cast<std::uint32_t>(body.size());
        log_.append(reinterpret_cast<const std::uint8_t *>(&size), sizeof size);
        log_.append(body.at, body.size());
        ++count_;
    }

    std::size_t count() const { return count_; }

    // Call use(message) for each; offsets in it count from its own beginning.
    template <class Use> void each(Use use) const {
        const std::uint8_t *at = log_.data();
        for (std::size_t i = 0; i < count_; ++i) {
            std::uint32_t size;
            std::memcpy(&size, at, sizeof size);
            at += sizeof size;
            use(wire::Span{at, at + size, 0});
            at += size;
        }
    }

  private:
    Column<std::uint8_t> log_;
    std::size_t count_ = 0;
};

struct Samples {
    Column<std::int64_t> stack_start{0}; // n + 1, CSR over stack
    Column<std::int32_t> stack;          // rows of Locations, leaf first
    Column<std::int64_t> values;         // n x sample_type.size(), row by row
    Column<std::int64_t> label_start{0}; // n + 1, CSR over labels
    Labels labels;
    MessageLog messages; // where samples were not wanted (Needs), instead of all above

    std::size_t size() const { return stack_start.size() - 1; }
};

struct Locations {
    Column<std::uint64_t> id;     // unique, not 0
    Column<std::int32_t> mapping; // row of Mappings or -1
    Column<std::uint64_t> address;
    Column<std::uint8_t> is_folded;
    Column<std::int64_t> line_start{0}; // n + 1, CSR over the three line columns
    Column<std::int32_t> line_function; // rows of Functions
    Column<std::int64_t> line;
    Column<std::int64_t> column;

    std::size_t size() const { return id.size(); }
};

struct Functions {
    Column<std::uint64_t> id;                         // unique, not 0
    Column<std::int32_t> name, system_name, filename; // string indices
    Column<std::int64_t> start_line;

    std::size_t size() const { return id.size(); }
};

struct Mappings {
    Column<std::uint64_t> id; // unique, not 0
    Column<std::uint64_t> memory_start, memory_limit, file_offset;
    Column<std::int32_t> filename, build_id; // string indices
    Column<std::uint8_t> has_functions, has_filenames, has_line_numbers, has_inline_frames;

    std::size_t size() const { return id.size(); }
};

struct Profile {
    StringTable strings;
    std::vector<ValueType> sample_type;
    Samples samples;
    Mappings mappings;
    Locations locations;
    Functions functions;
    std::int32_t drop_frames = 0, keep_frames = 0; // string indices
    std::int64_t time_nanos = 0, duration_nanos = 0;
    std::optional<ValueType> period_type;
    std::int64_t period = 0;
    Column<std::int32_t> comments; // string indices
    std::int32_t default_sample_type = 0, doc_url = 0;
};

// Encode as an uncompressed profile.proto message: fields in order of their numbers, absent
// where zero, repeated numbers packed from three elements on. The profile must be consistent.
std::string encode(const Profile &profile);

} // namespace whet
