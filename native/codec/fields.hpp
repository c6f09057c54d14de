// Fields of messages as the types they are declared with; every mismatch is a FormatError.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "codec/wire.hpp"

namespace whet::wire {

constexpr std::uint64_t max_string_index = (std::uint64_t{1} << 31) - 1;

[[noreturn]] inline void fail_field_type(const char *message, const Field &f) {
    fail(std::string(message) + " field " + std::to_string(f.number) + " has wire type " +
             std::to_string(f.type),
         f.key_offset);
}

inline std::uint64_t number_of(const char *message, const Field &f) {
    if (f.type != wire::varint_type)
        fail_field_type(message, f);
    return f.value;
}

inline std::int64_t signed_of(const char *message, const Field &f) {
    return static_cast<std::int64_t>(number_of(message, f));
}

inline std::int32_t string_index(std::uint64_t value, std::uint64_t offset) {
    if (value > max_string_index)
        fail("string index " + std::to_string(static_cast<std::int64_t>(value)) + " is out of range", offset);
    return static_cast<std::int32_t>(value);
}

inline std::int32_t string_of(const char *message, const Field &f) {
    return string_index(number_of(message, f), f.key_offset);
}

inline std::uint8_t flag_of(const char *message, const Field &f) { return number_of(message, f) != 0; }

inline const Span &message_of(const char *message, const Field &f) {
    if (f.type != wire::bytes_type)
        fail_field_type(message, f);
    return f.content;
}

// Read a varint of at most four bytes without branches, given eight readable bytes. Returns its
// size, or 0 where it is longer.
inline std::size_t short_varint(const std::uint8_t *at, std::uint64_t &value) {
    if constexpr (std::endian::native != std::endian::little)
        return 0;
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const std::uint64_t ends = ~word & 0x80808080u;
    if (!ends)
        return 0;
    word &= ends ^ (ends - 1); // up to the first byte that ends a varint
    value = (word & 0x7F) | (word & 0x7F00) >> 1 | (word & 0x7F0000) >> 2 | (word & 0x7F000000) >> 3;
    return static_cast<std::size_t>(std::countr_zero(ends)) / 8 + 1;
}

// Call use(value) for each element of a repeated number, packed or not.
template <class Use> void each_number(const char *message, const Field &f, Use use) {
    if (f.type != bytes_type) {
        use(number_of(message, f));
        return;
    }
    const Span s = f.content;
    const std::uint8_t *at = s.at;
    std::uint64_t value = 0;
    while (at != s.end) {
        const auto available = static_cast<std::size_t>(s.end - at);
        std::size_t size = available >= 8 ? short_varint(at, value) : 0;
        if (!size) {
            const Span rest{at, s.end, s.offset + static_cast<std::uint64_t>(at - s.at)};
            size = try_varint(rest, value);
            if (!size)
                fail("varint is cut off", rest.offset);
        }
        use(value);
        at += size;
    }
}

struct LabelFields {
    std::int32_t key = 0, text = 0, unit = 0; // string indices
    std::int64_t number = 0;

    // An empty label says nothing and is not kept.
    bool is_empty() const { return !key && !text && !number && !unit; }
};

inline LabelFields label_fields(const Span &body) {
    LabelFields label;
    each_field(body, [&](const Field &f) {
        if (f.number == 1)
            label.key = string_of("label", f);
        if (f.number == 2)
            label.text = string_of("label", f);
        if (f.number == 3)
            label.number = signed_of("label", f);
        if (f.number == 4)
            label.unit = string_of("label", f);
    });
    return label;
}

} // namespace whet::wire
