// Poisson sampling of bytes: each allocated byte is a sampling point with probability 1/mean.
//
// A block of n bytes is sampled when a point falls into it, with probability 1 - exp(-n/mean); so
// it stands for 1 / (1 - exp(-n/mean)) blocks of its size, whatever that is (D. G. Horvitz, D. J.
// Thompson, J. Am. Stat. Assoc. 47, 1952; Go's heap profiles are scaled like this). A mean of 1
// samples every block.
#pragma once

#include <cmath>
#include <cstdint>

#include "probe/cpu/threads.hpp"

namespace whet::probe {

inline double sampling_probability(uint64_t size, int64_t mean) {
    return mean <= 1 ? 1.0 : -std::expm1(-static_cast<double>(size) / static_cast<double>(mean));
}

// Bytes until the next sampling point. Geometric, so what is left of a gap is a gap again.
inline int64_t draw_gap(uint64_t *random, int64_t mean) {
    if (mean <= 1)
        return 1;
    double exponential = -std::log1p(-draw(random));
    return static_cast<int64_t>(exponential * static_cast<double>(mean)) + 1;
}

} // namespace whet::probe
