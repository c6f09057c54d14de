// See gunzip.hpp. Bits are taken from a 64-bit register that is filled eight bytes at a time; the
// input buffer ends in zeros that may be loaded, and `overrun` tells when they were used.
#include "codec/gunzip.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "codec/crc32.hpp"
#include "codec/huffman.hpp"

namespace whet {
namespace {

using huffman::Entry;
using huffman::Kind;

constexpr std::size_t window = std::size_t{1} << 15; // how far back a copy may reach
constexpr std::size_t input_size = std::size_t{1} << 17, piece_size = std::size_t{1} << 17;
constexpr std::size_t longest_copy = 258;
constexpr std::size_t spare = 16;      // what a step may load or store beyond the end
constexpr std::size_t held_bytes = 8;  // of the register
constexpr std::size_t step_input = 32; // more than one step takes

// What to do when bytes end: not the same as damage, since content may have come before.
struct CutOff {};

[[noreturn]] void damaged(const char *what) {
    throw FormatError{std::string("gzip stream is damaged (Error -3 while decompressing data: ") + what +
                      ")"};
}

std::uint64_t load64(const std::uint8_t *p) {
    std::uint64_t v = 0;
    if constexpr (std::endian::native == std::endian::little)
        std::memcpy(&v, p, 8);
    else
        for (int i = 0; i < 8; ++i)
            v |= std::uint64_t{p[i]} << (8 * i);
    return v;
}

// The alphabets of RFC 1951, 3.2.5: base value and extra bits of each symbol.
constexpr std::array<Entry, 288> literal_meanings = [] {
    std::array<Entry, 288> m{};
    for (Entry symbol = 0; symbol < 256; ++symbol)
        m[symbol] = huffman::literal | symbol << 16;
    m[256] = huffman::block_end;
    Entry base = 3;
    for (Entry symbol = 257; symbol < 285; ++symbol) {
        const Entry extra = symbol < 265 ? 0 : (symbol - 261) / 4;
        m[symbol] = base << 16 | extra << 8;
        base += Entry{1} << extra;
    }
    m[285] = Entry{258} << 16;
    m[286] = m[287] = huffman::special;
    return m;
}();

constexpr std::array<Entry, 32> distance_meanings = [] {
    std::array<Entry, 32> m{};
    Entry base = 1;
    for (Entry symbol = 0; symbol < 30; ++symbol) {
        const Entry extra = symbol < 4 ? 0 : (symbol - 2) / 2;
        m[symbol] = base << 16 | extra << 8;
        base += Entry{1} << extra;
    }
    m[30] = m[31] = huffman::special;
    return m;
}();

constexpr std::array<Entry, 19> length_meanings = [] {
    std::array<Entry, 19> m{};
    for (Entry symbol = 0; symbol < 19; ++symbol)
        m[symbol] = symbol << 16;
    return m;
}();

// A register of bits and where the next ones come from.
struct Bits {
    std::uint64_t held = 0;
    unsigned count = 0; // of the bits held that were not taken
    const std::uint8_t *at = nullptr;

    // Have 56 bits at least. Bits above `count` may be there already: they are those that will be
    // loaded again. Needs eight readable bytes.
    void refill() {
        held |= load64(at) << count;
        at += (63 - count) >> 3;
        count |= 56;
    }
    void drop(unsigned n) {
        held >>= n;
        count -= n;
    }
    std::uint32_t take(unsigned n) {
        const auto value = static_cast<std::uint32_t>(held & ((std::uint64_t{1} << n) - 1));
        drop(n);
        return value;
    }
    // Take a word of a code.
    template <class Code> Entry word(const Code &code) {
        Entry e = code.first(held);
        if ((e & huffman::second) == huffman::second)
            e = code.in_second(e, held);
        drop(huffman::bits_of(e));
        return e;
    }
    // Give back whole bytes and forget the rest of the one begun.
    void align() {
        at -= count / 8;
        held = count = 0;
    }
};

} // namespace

class Gunzip::State {
  public:
    explicit State(Read read)
        : read_(std::move(read)), input_(held_bytes + input_size + spare + 8),
          output_(window + piece_size + spare) {
        bits_.at = in_end_ = input_.data() + held_bytes;
        out_ = piece_ = oldest_ = output_.data();
    }

    std::span<const std::uint8_t> next() {
        if (cut_off_)
            fail_cut_off();
        begin_piece();
        try {
            while (stage_ != Stage::end && out_ < piece_ + piece_size - longest_copy)
                advance();
        } catch (const CutOff &) {
            cut_off_ = true;
            if (out_ == piece_)
                fail_cut_off();
        }
        check_in();
        return {piece_, static_cast<std::size_t>(out_ - piece_)};
    }

  private:
    enum class Stage { header, block, stored, codes, trailer, end };

    [[noreturn]] static void fail_cut_off() { throw FormatError{"gzip stream is cut off"}; }

    // Keep what copies may reach and begin a piece behind it.
    void begin_piece() {
        std::uint8_t *const begin = output_.data();
        const std::size_t kept = std::min(window, static_cast<std::size_t>(out_ - begin));
        const std::ptrdiff_t moved = (out_ - kept) - begin;
        if (moved > 0) {
            std::memmove(begin, out_ - kept, kept);
            out_ -= moved;
            oldest_ = oldest_ - begin > moved ? oldest_ - moved : begin;
        }
        piece_ = unchecked_ = out_;
    }

    // Bring the member's checksum up to `out_`.
    void check_in() {
        const auto size = static_cast<std::size_t>(out_ - unchecked_);
        crc_ = crc32(crc_, unchecked_, size);
        member_bytes_ += static_cast<std::uint32_t>(size);
        unchecked_ = out_;
    }

    void advance() {
        switch (stage_) {
        case Stage::header:
            member_header();
            break;
        case Stage::block:
            block_header();
            break;
        case Stage::stored:
            stored();
            break;
        case Stage::codes:
            if (!at_end_)
                symbols<false>();
            else
                symbols<true>();
            break;
        case Stage::trailer:
            trailer();
            break;
        case Stage::end:
            break;
        }
    }

    // -- input

    // Have at least step_input bytes to take, or all that there are and zeros behind them. The bytes
    // in the register stay before them, for `align` to go back to.
    void need_input() {
        if (at_end_ || in_end_ - bits_.at >= static_cast<std::ptrdiff_t>(step_input))
            return;
        std::uint8_t *const begin = input_.data() + held_bytes;
        auto left = static_cast<std::size_t>(in_end_ - bits_.at);
        std::memmove(begin - held_bytes, bits_.at - held_bytes, held_bytes + left);
        while (left < step_input && !at_end_) {
            const std::size_t got = read_(begin + left, input_size - left);
            at_end_ = got == 0;
            left += got;
        }
        bits_.at = begin;
        in_end_ = begin + left;
        std::memset(begin + left, 0, spare + 8);
    }

    // Were more bits taken than there are?
    bool overrun() const { return bits_.at - bits_.count / 8 > in_end_; }

    // Take bits in a place where speed does not matter.
    std::uint32_t get(unsigned n) {
        need_input();
        bits_.refill();
        const std::uint32_t value = bits_.take(n);
        if (at_end_ && overrun())
            throw CutOff{};
        return value;
    }

    // -- RFC 1952

    std::uint32_t header_byte() {
        const std::uint32_t byte = get(8);
        const auto b = static_cast<std::uint8_t>(byte);
        header_crc_ = crc32(header_crc_, &b, 1);
        return byte;
    }

    void skip_text() {
        while (header_byte()) {
        }
    }

    void member_header() {
        constexpr std::uint32_t has_crc = 2, has_extra = 4, has_name = 8, has_comment = 16;
        header_crc_ = 0;
        const std::uint32_t first = header_byte(), other = header_byte();
        if (first != 0x1F || other != 0x8B)
            damaged("incorrect header check");
        const std::uint32_t method = header_byte(), flags = header_byte();
        if (method != 8)
            damaged("unknown compression method");
        if (flags & 0xE0)
            damaged("unknown header flags set");
        for (int i = 0; i < 6; ++i) // time, extra flags, system
            header_byte();
        if (flags & has_extra) {
            std::uint32_t size = header_byte();
            for (size |= header_byte() << 8; size; --size)
                header_byte();
        }
        if (flags & has_name)
            skip_text();
        if (flags & has_comment)
            skip_text();
        if (flags & has_crc) {
            const std::uint32_t expected = header_crc_ & 0xFFFF;
            if (get(16) != expected)
                damaged("header crc mismatch");
        }
        oldest_ = unchecked_ = out_;
        crc_ = member_bytes_ = 0;
        stage_ = Stage::block;
    }

    void trailer() {
        check_in();
        bits_.align();
        if (get(32) != crc_)
            damaged("incorrect data check");
        if (get(32) != member_bytes_)
            damaged("incorrect length check");
        bits_.align();
        for (;;) { // zeros are padding
            need_input();
            while (bits_.at < in_end_ && !*bits_.at)
                ++bits_.at;
            if (bits_.at < in_end_)
                break;
            if (at_end_) {
                stage_ = Stage::end;
                return;
            }
        }
        stage_ = Stage::header;
    }

    // -- RFC 1951

    void block_header() {
        if (last_block_) {
            last_block_ = false;
            stage_ = Stage::trailer;
            return;
        }
        const std::uint32_t header = get(3);
        last_block_ = header & 1;
        switch (header >> 1) {
        case 0:
            stored_header();
            break;
        case 1:
            fixed_codes();
            break;
        case 2:
            dynamic_codes();
            break;
        default:
            damaged("invalid block type");
        }
    }

    void stored_header() {
        bits_.align();
        const std::uint32_t size = get(32);
        if ((size & 0xFFFF) != (size >> 16 ^ 0xFFFF))
            damaged("invalid stored block lengths");
        bits_.align();
        stored_left_ = size & 0xFFFF;
        stage_ = Stage::stored;
    }

    void stored() {
        if (!stored_left_) {
            stage_ = Stage::block;
            return;
        }
        need_input();
        if (bits_.at >= in_end_)
            throw CutOff{};
        const auto room = static_cast<std::size_t>(piece_ + piece_size - out_);
        const std::size_t n = std::min({stored_left_, static_cast<std::size_t>(in_end_ - bits_.at), room});
        std::memcpy(out_, bits_.at, n);
        out_ += n;
        bits_.at += n;
        stored_left_ -= n;
    }

    void fixed_codes() {
        std::array<std::uint8_t, 288> lengths;
        for (std::size_t symbol = 0; symbol < 288; ++symbol)
            lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
        literals_.set(lengths, literal_meanings.data(), Kind::literals);
        std::fill_n(lengths.begin(), 32, std::uint8_t{5});
        distances_.set(std::span(lengths).first(32), distance_meanings.data(), Kind::distances);
        stage_ = Stage::codes;
    }

    void dynamic_codes() {
        static constexpr std::uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                   11, 4,  12, 3, 13, 2, 14, 1, 15};
        const std::uint32_t sizes = get(14);
        const std::size_t literals = 257 + (sizes & 31), distances = 1 + (sizes >> 5 & 31);
        if (literals > 286 || distances > 30)
            damaged("too many length or distance symbols");
        std::array<std::uint8_t, 19> of_lengths{};
        for (std::size_t i = 0; i < 4 + (sizes >> 10); ++i)
            of_lengths[order[i]] = static_cast<std::uint8_t>(get(3));
        if (!lengths_.set(of_lengths, length_meanings.data(), Kind::lengths_of_codes))
            damaged("invalid code lengths set");
        std::array<std::uint8_t, 286 + 30> lengths{};
        const std::span all(lengths.data(), literals + distances);
        read_lengths(all);
        if (!lengths[256])
            damaged("invalid code -- missing end-of-block");
        if (!literals_.set(all.first(literals), literal_meanings.data(), Kind::literals))
            damaged("invalid literal/lengths set");
        if (!distances_.set(all.subspan(literals), distance_meanings.data(), Kind::distances))
            damaged("invalid distances set");
        stage_ = Stage::codes;
    }

    void read_lengths(std::span<std::uint8_t> lengths) {
        static constexpr unsigned extra[3] = {2, 3, 7}, least[3] = {3, 3, 11};
        std::size_t at = 0;
        while (at < lengths.size()) {
            need_input();
            bits_.refill();
            // The entry for no word at all has the value 0, which is what zlib makes of it.
            const Entry e = lengths_.first(bits_.held);
            const std::uint32_t symbol = huffman::value_of(e);
            if (symbol < 16) {
                get(huffman::bits_of(e));
                lengths[at++] = static_cast<std::uint8_t>(symbol);
                continue;
            }
            const unsigned n = huffman::bits_of(e);
            const std::size_t repeat = least[symbol - 16] + (get(n + extra[symbol - 16]) >> n);
            if ((symbol == 16 && !at) || repeat > lengths.size() - at)
                damaged("invalid bit length repeat");
            std::fill_n(lengths.data() + at, repeat, symbol == 16 ? lengths[at - 1] : std::uint8_t{0});
            at += repeat;
        }
    }

    // Decode until the block, the piece or the room in the input ends. Near the end of the input
    // (`careful`) each symbol is checked to have been there before it counts.
    template <bool careful> void symbols() {
        std::uint8_t *const stop = piece_ + piece_size - longest_copy;
        while (out_ < stop && stage_ == Stage::codes) {
            need_input();
            if (!careful && at_end_)
                return;
            run<careful>(careful ? in_end_ : in_end_ - step_input, stop);
        }
    }

    // The same while bits_.at is at most `last`; at least one symbol. What changes with every symbol is
    // in registers here, and back in its place whenever this function is left.
    template <bool careful> void run(const std::uint8_t *last, std::uint8_t *stop) {
        Bits b = bits_;
        std::uint8_t *out = out_;
        const auto leave = [&] {
            bits_ = b;
            out_ = out;
        };
        const auto check = [&] {
            if (careful && b.at - b.count / 8 > in_end_) {
                leave();
                throw CutOff{};
            }
        };
        do {
            b.refill();
            Entry e = b.word(literals_);
            if constexpr (!careful) {
                // Three words of 15 bits fit in 56.
                if (e & huffman::literal) {
                    *out++ = static_cast<std::uint8_t>(e >> 16);
                    e = b.word(literals_);
                    if (e & huffman::literal) {
                        *out++ = static_cast<std::uint8_t>(e >> 16);
                        e = b.word(literals_);
                        if (e & huffman::literal) {
                            *out++ = static_cast<std::uint8_t>(e >> 16);
                            continue;
                        }
                    }
                    b.refill();
                }
            }
            check();
            if (e & huffman::literal) {
                *out++ = static_cast<std::uint8_t>(e >> 16);
                continue;
            }
            if (e & huffman::special) {
                leave();
                if (!(e & (huffman::block_end & ~huffman::special)))
                    damaged("invalid literal/length code");
                stage_ = Stage::block;
                return;
            }
            // At most 5 + 15 + 13 bits are taken from here on.
            const std::size_t length = huffman::value_of(e) + b.take(huffman::extra_of(e));
            check();
            const Entry d = b.word(distances_);
            check();
            if (d & huffman::special)
                damaged("invalid distance code");
            const std::size_t distance = huffman::value_of(d) + b.take(huffman::extra_of(d));
            check();
            if (distance > static_cast<std::size_t>(out - oldest_))
                damaged("invalid distance too far back");
            repeat(out, distance, length);
            out += length;
        } while (b.at <= last && out < stop);
        leave();
    }

    // Eight bytes at a time where they do not overlap; up to seven bytes behind the copy are
    // overwritten, which `spare` has room for and later content replaces.
    static void repeat(std::uint8_t *to, std::size_t distance, std::size_t length) {
        const std::uint8_t *from = to - distance;
        std::uint8_t *const end = to + length;
        if (distance >= 8) {
            do {
                std::memcpy(to, from, 8);
                to += 8;
                from += 8;
            } while (to < end);
        } else if (distance == 1) {
            std::memset(to, *from, length);
        } else {
            while (to < end)
                *to++ = *from++;
        }
    }

    Read read_;
    std::vector<std::uint8_t> input_, output_;
    Bits bits_;            // in the input buffer
    std::uint8_t *in_end_; // of what was read into it
    bool at_end_ = false;  // nothing comes after in_end_

    std::uint8_t *out_, *piece_;
    std::uint8_t *unchecked_ = nullptr; // from here to out_ the checksum has not seen
    std::uint8_t *oldest_;              // what copies may reach
    std::uint32_t crc_ = 0, member_bytes_ = 0, header_crc_ = 0;

    Stage stage_ = Stage::header;
    bool last_block_ = false, cut_off_ = false;
    std::size_t stored_left_ = 0;
    huffman::Code<11, 288> literals_;
    huffman::Code<8, 32> distances_;
    huffman::Code<7, 19> lengths_;
};

Gunzip::Gunzip(Read read) : state_(std::make_unique<State>(std::move(read))) {}
Gunzip::~Gunzip() = default;

std::span<const std::uint8_t> Gunzip::next() { return state_->next(); }

} // namespace whet
