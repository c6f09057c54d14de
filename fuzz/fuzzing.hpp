// What the fuzz targets share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "codec/decode.hpp"

// End the process: what must hold does not.
[[noreturn]] inline void violated(const char *invariant) {
    std::fprintf(stderr, "invariant violated: %s\n", invariant);
    std::abort();
}

// Decode a profile in one piece; false where it is refused.
inline bool decode(const std::uint8_t *data, std::size_t size, whet::Needs needs, whet::Profile &profile) {
    whet::Decoder decoder(needs);
    try {
        if (size)
            decoder.feed(data, size);
        profile = decoder.finish();
    } catch (const whet::FormatError &) {
        return false;
    }
    return true;
}

// The sum of one value type, modulo 2^64.
inline std::uint64_t sum_of_column(const whet::Profile &p, std::size_t column) {
    std::uint64_t sum = 0;
    for (std::size_t i = column; i < p.samples.values.size(); i += p.sample_type.size())
        sum += static_cast<std::uint64_t>(p.samples.values[i]);
    return sum;
}
