// Protocol buffer wire format: varints and the fields of a message that is in memory.
//
// Strictness as in pprof's reader: varints of up to ten bytes, bits above 64 dropped; groups are
// refused. Specification: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace whet {

// Malformed input: what is wrong, and the byte offset where that was seen (-1 = none).
struct FormatError {
    std::string message;
    std::int64_t offset = -1;
};

[[noreturn]] inline void fail(std::string message, std::uint64_t offset) {
    throw FormatError{std::move(message), static_cast<std::int64_t>(offset)};
}

namespace wire {

enum Type : unsigned { varint_type = 0, fixed64 = 1, bytes_type = 2, fixed32 = 5 };

constexpr std::size_t max_varint_bytes = 10;

// Bytes in memory that know their offset in the input.
struct Span {
    const std::uint8_t *at;
    const std::uint8_t *end;
    std::uint64_t offset; // of `at`

    std::size_t size() const { return static_cast<std::size_t>(end - at); }
    void advance(std::size_t n) {
        at += n;
        offset += n;
    }
};

// Read a varint of more than one byte; returns its size, or 0 where the bytes end too early.
inline std::size_t long_varint(const std::uint8_t *at, std::size_t available, std::uint64_t offset,
                               std::uint64_t &value) {
    const std::size_t limit = available < max_varint_bytes ? available : max_varint_bytes;
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < limit; ++i) {
        v |= static_cast<std::uint64_t>(at[i] & 0x7F) << (7 * i);
        if (at[i] < 0x80) {
            value = v;
            return i + 1;
        }
    }
    if (limit == max_varint_bytes)
        fail("varint of more than 10 bytes", offset);
    return 0;
}

inline std::size_t try_varint(const Span &s, std::uint64_t &value) {
    if (s.at != s.end && *s.at < 0x80) {
        value = *s.at;
        return 1;
    }
    return long_varint(s.at, s.size(), s.offset, value);
}

inline std::uint64_t varint(Span &s) {
    std::uint64_t value = 0;
    const std::size_t size = try_varint(s, value);
    if (!size)
        fail("varint is cut off", s.offset);
    s.advance(size);
    return value;
}

struct Field {
    std::uint64_t key_offset;
    std::uint64_t number;
    unsigned type;
    std::uint64_t value; // of a varint
    Span content;        // of bytes
};

[[noreturn]] inline void fail_cut_off(std::uint64_t size, std::uint64_t key_offset) {
    fail("field of " + std::to_string(size) + " bytes is cut off", key_offset);
}

[[noreturn]] inline void fail_type(unsigned type, std::uint64_t key_offset) {
    fail("unknown wire type " + std::to_string(type), key_offset);
}

// Call use(field) for every field of a message.
template <class Use> void each_field(Span s, Use use) {
    while (s.at != s.end) {
        Field field{s.offset, 0, 0, 0, s};
        const std::uint64_t key = varint(s);
        field.number = key >> 3;
        field.type = key & 7;
        if (field.type == varint_type) {
            field.value = varint(s);
            use(field);
            continue;
        }
        std::uint64_t size = 0;
        if (field.type == bytes_type)
            size = varint(s);
        else if (field.type == fixed64)
            size = 8;
        else if (field.type == fixed32)
            size = 4;
        else
            fail_type(field.type, field.key_offset);
        if (size > s.size())
            fail_cut_off(size, field.key_offset);
        field.content = {s.at, s.at + size, s.offset};
        s.advance(static_cast<std::size_t>(size));
        use(field);
    }
}

} // namespace wire
} // namespace whet
