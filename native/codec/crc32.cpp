// See crc32.hpp. Eight bytes a step through tables; where the processor multiplies without carries,
// 64 bytes a step by folding. Method: V. Gopal et al., "Fast CRC Computation for Generic
// Polynomials Using PCLMULQDQ Instruction", Intel 2009.
#include "codec/crc32.hpp"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WHET_CRC_FOLDING 1
#endif

namespace whet {
namespace {

constexpr std::uint32_t polynomial = 0xEDB88320u;

// table[k][b] is the effect of byte b followed by k zero bytes.
constexpr auto tables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> t{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::uint32_t crc = b;
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        t[0][b] = crc;
    }
    for (std::size_t k = 1; k < 8; ++k)
        for (std::uint32_t b = 0; b < 256; ++b)
            t[k][b] = t[k - 1][b] >> 8 ^ t[0][t[k - 1][b] & 0xFF];
    return t;
}();

// Both take and return the register itself, which is the complement of the checksum.
std::uint32_t by_tables(std::uint32_t crc, const std::uint8_t *data, std::size_t size) {
    if constexpr (std::endian::native == std::endian::little) {
        for (; size >= 8; data += 8, size -= 8) {
            std::uint64_t word;
            std::memcpy(&word, data, 8);
            word ^= crc;
            crc = 0;
            for (std::size_t k = 0; k < 8; ++k)
                crc ^= tables[7 - k][word >> (8 * k) & 0xFF];
        }
    }
    for (; size; ++data, --size)
        crc = crc >> 8 ^ tables[0][(crc ^ *data) & 0xFF];
    return crc;
}

#ifdef WHET_CRC_FOLDING

// x^n modulo the polynomial, in the reflected form that folding multiplies with.
constexpr std::uint64_t power(unsigned n) {
    std::uint32_t r = 0x80000000u; // x^0
    for (unsigned i = 0; i < n; ++i)
        r = r >> 1 ^ (r & 1 ? polynomial : 0);
    return std::uint64_t{r} << 1;
}

__attribute__((target("pclmul,sse4.1"))) inline __m128i folded(__m128i value, __m128i next, __m128i by) {
    const __m128i low = _mm_clmulepi64_si128(value, by, 0x00);
    const __m128i high = _mm_clmulepi64_si128(value, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

inline __m128i loaded(const std::uint8_t *data) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i *>(data));
}

constexpr std::size_t folded_from = 128;

// Four registers of 16 bytes move on by 64 bytes a step, then merge into one; what is left of the
// input goes through the tables, beginning with the 16 bytes that stand for all before.
__attribute__((target("pclmul,sse4.1"))) std::uint32_t by_folding(std::uint32_t crc, const std::uint8_t *data,
                                                                  std::size_t size) {
    const __m128i by_64 = _mm_set_epi64x(static_cast<long long>(power(4 * 128 - 32)),
                                         static_cast<long long>(power(4 * 128 + 32)));
    const __m128i by_16 =
        _mm_set_epi64x(static_cast<long long>(power(128 - 32)), static_cast<long long>(power(128 + 32)));
    __m128i lane[4];
    for (int k = 0; k < 4; ++k)
        lane[k] = loaded(data + 16 * k);
    lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128(static_cast<int>(crc)));
    for (data += 64, size -= 64; size >= 64; data += 64, size -= 64)
        for (int k = 0; k < 4; ++k)
            lane[k] = folded(lane[k], loaded(data + 16 * k), by_64);
    __m128i value = lane[0];
    for (int k = 1; k < 4; ++k)
        value = folded(value, lane[k], by_16);
    for (; size >= 16; data += 16, size -= 16)
        value = folded(value, loaded(data), by_16);
    std::uint8_t rest[16];
    std::memcpy(rest, &value, 16);
    return by_tables(by_tables(0, rest, 16), data, size);
}

bool can_fold() {
    static const bool can = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    return can;
}

#endif

} // namespace

std::uint32_t crc32(std::uint32_t crc, const std::uint8_t *data, std::size_t size) {
#ifdef WHET_CRC_FOLDING
    if (size >= folded_from && can_fold())
        return ~by_folding(~crc, data, size);
#endif
    return ~by_tables(~crc, data, size);
}

} // namespace whet
