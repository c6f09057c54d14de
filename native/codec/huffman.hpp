// Decoding tables for the prefix codes of deflate (RFC 1951, 3.2.2).
//
// An entry says how many bits to take and what they mean. Codes longer than the first table's
// index continue in a second table. What zlib tolerates is tolerated: a code of a single word of
// one bit, and no code at all, whose use is an error.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace whet::huffman {

// Entry: bits 0-7 how many bits to take; 8-11 how many extra bits follow, or what a second table
// is indexed with; 16-30 the value, or where a second table begins.
using Entry = std::uint32_t;
constexpr Entry literal = Entry{1} << 31;
constexpr Entry special = Entry{1} << 15;             // neither a literal nor a number
constexpr Entry second = special | Entry{1} << 14;    // continues in a second table
constexpr Entry block_end = special | Entry{1} << 13; // end of block
constexpr Entry invalid = special | 1;                // takes one bit, as in zlib

constexpr unsigned longest = 15; // bits of a code word

inline unsigned bits_of(Entry e) { return e & 0xFF; }
inline unsigned extra_of(Entry e) { return e >> 8 & 0xF; }
inline std::uint32_t value_of(Entry e) { return e >> 16 & 0x7FFF; }

enum class Kind { lengths_of_codes, literals, distances };

// A code's tables. `first_bits` index the first; `symbols` is how many the alphabet has.
template <unsigned first_bits, std::size_t symbols> class Code {
  public:
    // Set the code from the lengths of its words, 0 = unused; `meaning[symbol]` are entries
    // without bit counts. Returns false where the lengths make no code.
    bool set(std::span<const std::uint8_t> lengths, const Entry *meaning, Kind kind) {
        std::array<std::uint16_t, longest + 1> count{};
        for (std::uint8_t length : lengths)
            ++count[length];
        unsigned most = longest;
        while (most && !count[most])
            --most;
        table_.fill(invalid);
        if (!most)
            return true;
        int left = 1;
        std::array<std::uint32_t, longest + 2> next{};
        for (unsigned length = 1; length <= longest; ++length) {
            left = 2 * left - count[length];
            if (left < 0)
                return false;
            next[length + 1] = (next[length] + count[length]) << 1;
        }
        if (left > 0 && (kind == Kind::lengths_of_codes || most != 1))
            return false;
        end_ = std::size_t{1} << first_bits;
        for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol)
            if (const unsigned length = lengths[symbol])
                place(reversed(next[length]++, length), length, most, meaning[symbol]);
        return true;
    }

    // The entry for the next bits, of the first table or, where that says so, of a second.
    Entry first(std::uint64_t bits) const { return table_[bits & ((1u << first_bits) - 1)]; }
    Entry in_second(Entry e, std::uint64_t bits) const {
        return table_[value_of(e) + (bits >> first_bits & ((1u << extra_of(e)) - 1))];
    }

  private:
    static std::uint32_t reversed(std::uint32_t code, unsigned length) {
        std::uint32_t r = 0;
        for (unsigned i = 0; i < length; ++i, code >>= 1)
            r = r << 1 | (code & 1);
        return r;
    }

    void place(std::uint32_t code, unsigned length, unsigned most, Entry meaning) {
        if (length <= first_bits) {
            for (std::size_t i = code; i < std::size_t{1} << first_bits; i += std::size_t{1} << length)
                table_[i] = meaning | length;
            return;
        }
        Entry &link = table_[code & ((1u << first_bits) - 1)];
        const unsigned second_bits = most - first_bits;
        if (link == invalid) {
            link = second | static_cast<Entry>(end_) << 16 | second_bits << 8;
            end_ += std::size_t{1} << second_bits;
        }
        // All words of a second table are complete there: a code without gaps fills it.
        for (std::size_t i = code >> first_bits; i < std::size_t{1} << second_bits;
             i += std::size_t{1} << (length - first_bits))
            table_[value_of(link) + i] = meaning | length;
    }

    // A second table has two words at least, so there are at most symbols / 2 of them.
    static constexpr std::size_t size =
        (std::size_t{1} << first_bits) +
        (first_bits < longest ? symbols / 2 << (longest - first_bits) : std::size_t{0});
    std::array<Entry, size> table_;
    std::size_t end_ = 0; // of the entries in use
};

} // namespace whet::huffman
