// Encoding of profiles whose columns may live anywhere (C++ columns or NumPy arrays).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "codec/profile.hpp"

namespace whet {

// The columns of a Profile, borrowed. Names as in profile.hpp.
struct ProfileView {
    std::span<const std::uint8_t> blob;
    std::span<const std::int64_t> string_start;
    std::span<const ValueType> sample_type;
    struct {
        std::span<const std::int64_t> stack_start;
        std::span<const std::int32_t> stack;
        std::span<const std::int64_t> values;
        std::span<const std::int64_t> label_start;
        std::span<const std::int32_t> key, text;
        std::span<const std::int64_t> number;
        std::span<const std::int32_t> unit;
    } samples;
    struct {
        std::span<const std::uint64_t> id, memory_start, memory_limit, file_offset;
        std::span<const std::int32_t> filename, build_id;
        std::span<const std::uint8_t> has_functions, has_filenames, has_line_numbers, has_inline_frames;
    } mappings;
    struct {
        std::span<const std::uint64_t> id;
        std::span<const std::int32_t> mapping;
        std::span<const std::uint64_t> address;
        std::span<const std::uint8_t> is_folded;
        std::span<const std::int64_t> line_start;
        std::span<const std::int32_t> line_function;
        std::span<const std::int64_t> line, column;
    } locations;
    struct {
        std::span<const std::uint64_t> id;
        std::span<const std::int32_t> name, system_name, filename;
        std::span<const std::int64_t> start_line;
    } functions;
    std::int64_t drop_frames = 0, keep_frames = 0, time_nanos = 0, duration_nanos = 0;
    std::optional<ValueType> period_type;
    std::int64_t period = 0;
    std::span<const std::int32_t> comments;
    std::int64_t default_sample_type = 0, doc_url = 0;
};

ProfileView view(const Profile &profile);
std::string encode(const ProfileView &profile);

// The same, handed on piece by piece; a piece is as large as a message where that is large.
using Write = std::function<void(std::string_view piece)>;
void encode(const ProfileView &profile, const Write &write);

} // namespace whet
