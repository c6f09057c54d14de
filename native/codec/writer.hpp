// Protocol buffers written field by field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace whet {

// Appends wire-format fields to a string. Nested messages are written to a second Writer first,
// because their length comes before them.
class Writer {
  public:
    // From how many elements on repeated numbers are packed.
    static constexpr std::size_t packed_from = 3;

    std::string out;

    void varint(std::uint64_t v) {
        char buffer[10];
        int n = 0;
        while (v >= 0x80) {
            buffer[n++] = static_cast<char>(v | 0x80);
            v >>= 7;
        }
        buffer[n++] = static_cast<char>(v);
        out.append(buffer, static_cast<std::size_t>(n));
    }
    void always(int field, std::uint64_t v) {
        varint(static_cast<std::uint64_t>(field) << 3);
        varint(v);
    }
    void optional(int field, std::uint64_t v) {
        if (v)
            always(field, v);
    }
    void optional(int field, std::int64_t v) { optional(field, static_cast<std::uint64_t>(v)); }
    void optional(int field, std::int32_t v) { optional(field, static_cast<std::int64_t>(v)); }
    void optional(int field, std::uint8_t v) { optional(field, std::uint64_t{v != 0}); }
    // A fixed 64-bit number, little end first.
    void fixed(int field, std::uint64_t v) {
        varint(static_cast<std::uint64_t>(field) << 3 | 1);
        for (int shift = 0; shift < 64; shift += 8)
            out.push_back(static_cast<char>(v >> shift));
    }
    void bytes(int field, std::string_view content) {
        varint(static_cast<std::uint64_t>(field) << 3 | 2);
        varint(content.size());
        out.append(content);
    }
    template <class Get> void repeated(int field, std::size_t count, Get get, Writer &scratch) {
        if (count < packed_from) {
            for (std::size_t i = 0; i < count; ++i)
                always(field, get(i));
            return;
        }
        scratch.out.clear();
        for (std::size_t i = 0; i < count; ++i)
            scratch.varint(get(i));
        bytes(field, scratch.out);
    }
};

} // namespace whet
