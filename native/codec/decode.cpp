// The stream part of the decoder: cuts the text into the fields of Profile.
//
// Messages are handed on when they are complete, strings piece by piece, unknown content is
// passed over. The text that cannot be used yet is kept in `carry_`.
#include "codec/decode.hpp"

#include <algorithm>
#include <optional>

#include "codec/messages.hpp"

namespace whet {

using wire::Span;

class Decoder::State {
  public:
    explicit State(Needs needs) : messages_(needs) {}

    void feed(Span s) {
        seen_ |= s.at != s.end;
        while (s.at != s.end) {
            if (passing_)
                pass(s);
            else if (carry_.empty())
                direct(s);
            else
                refill(s);
        }
    }

    Profile finish() {
        if (!seen_)
            throw FormatError{"empty input"};
        if (passing_)
            wire::fail_cut_off(field_size_, key_offset_);
        if (!carry_.empty())
            fail_unfinished();
        return messages_.resolve();
    }

  private:
    // Key and, where there is one, value or length of a field.
    struct Header {
        std::uint64_t number, value;
        unsigned type;
        std::size_t size;
    };

    // Read a header; nothing where the bytes end too early.
    static std::optional<Header> header(Span s) {
        std::uint64_t key = 0, value = 0;
        const Span begin = s;
        std::size_t size = wire::try_varint(s, key);
        if (!size)
            return std::nullopt;
        s.advance(size);
        const unsigned type = key & 7;
        if (type == wire::varint_type || type == wire::bytes_type) {
            size = wire::try_varint(s, value);
            if (!size)
                return std::nullopt;
            s.advance(size);
        } else if (type == wire::fixed64) {
            value = 8;
        } else if (type == wire::fixed32) {
            value = 4;
        } else {
            wire::fail_type(type, begin.offset);
        }
        return Header{key >> 3, value, type, static_cast<std::size_t>(s.at - begin.at)};
    }

    // Take the field at s; returns false where it must be kept until more bytes have come.
    bool take(Span &s) {
        const std::optional<Header> h = header(s);
        if (!h)
            return false;
        if (h->type == wire::varint_type) {
            number(*h, s.offset);
        } else if (is_buffered(*h)) {
            if (h->value > s.size() - h->size)
                return false;
            Span body = s;
            body.advance(h->size);
            body.end = body.at + h->value;
            complete(*h, s.offset, body);
            s.advance(h->size + static_cast<std::size_t>(h->value));
            return true;
        } else {
            begin_passing(*h, s.offset);
        }
        s.advance(h->size);
        return true;
    }

    static bool is_buffered(const Header &h) {
        return h.type == wire::bytes_type && (Messages::is_message(h.number) || h.number == 13);
    }

    void number(const Header &h, std::uint64_t key_offset) {
        if (Messages::is_message(h.number) || h.number == 6)
            fail_wire_type(h, key_offset);
        messages_.number({key_offset, h.number, h.type, h.value, {}});
    }

    void complete(const Header &h, std::uint64_t key_offset, Span body) {
        if (h.number == 13)
            messages_.comments(body, key_offset);
        else
            messages_.message(h.number, key_offset, body);
    }

    // Go through content that is not needed in one piece: a string, or nothing of interest, or a
    // field that is in error once it is known to be complete.
    void begin_passing(const Header &h, std::uint64_t key_offset) {
        const bool is_known = h.number >= 1 && h.number <= 15;
        in_string_ = h.number == 6 && h.type == wire::bytes_type;
        if (is_known && !in_string_)
            error_ = wire_type_error(h, key_offset);
        else if (in_string_ && !messages_.has_strings() && h.value)
            error_ = FormatError{"string_table[0] is not empty", static_cast<std::int64_t>(key_offset)};
        key_offset_ = key_offset;
        field_size_ = passing_left_ = h.value;
        passing_ = true;
        if (!passing_left_)
            end_passing();
    }

    void pass(Span &s) {
        const std::uint64_t n = std::min<std::uint64_t>(passing_left_, s.size());
        if (in_string_ && !error_)
            messages_.string_bytes(s.at, static_cast<std::size_t>(n));
        s.advance(static_cast<std::size_t>(n));
        passing_left_ -= n;
        if (!passing_left_)
            end_passing();
    }

    void end_passing() {
        if (error_)
            throw *error_;
        if (in_string_)
            messages_.end_string();
        passing_ = false;
    }

    static FormatError wire_type_error(const Header &h, std::uint64_t key_offset) {
        return {"profile field " + std::to_string(h.number) + " has wire type " + std::to_string(h.type),
                static_cast<std::int64_t>(key_offset)};
    }
    [[noreturn]] static void fail_wire_type(const Header &h, std::uint64_t key_offset) {
        throw wire_type_error(h, key_offset);
    }

    void direct(Span &s) {
        while (!passing_ && s.at != s.end) {
            if (take(s))
                continue;
            carry_offset_ = s.offset;
            carry_.append(s.at, s.size());
            s.advance(s.size());
        }
    }

    // Complete the field in carry_: byte by byte until its length is known, then the rest at once.
    void refill(Span &s) {
        const std::optional<Header> h = header(carried());
        std::size_t n = 1;
        if (h) {
            const std::uint64_t missing = h->value - (carry_.size() - h->size);
            n = static_cast<std::size_t>(std::min<std::uint64_t>(missing, s.size()));
        }
        carry_.append(s.at, n);
        s.advance(n);
        Span whole = carried();
        if (take(whole))
            carry_.clear();
    }

    Span carried() const { return {carry_.data(), carry_.data() + carry_.size(), carry_offset_}; }

    [[noreturn]] void fail_unfinished() const {
        Span s = carried();
        const std::optional<Header> h = header(s);
        if (h)
            wire::fail_cut_off(h->value, carry_offset_);
        wire::varint(s); // the key, or its end is missing
        wire::varint(s);
        fail("varint is cut off", s.offset);
    }

    Messages messages_;
    Column<std::uint8_t> carry_; // the beginning of one field
    std::uint64_t carry_offset_ = 0;
    bool seen_ = false;

    bool passing_ = false, in_string_ = false;
    std::uint64_t key_offset_ = 0, field_size_ = 0, passing_left_ = 0;
    std::optional<FormatError> error_;

    friend class Decoder;
    std::uint64_t offset_ = 0;
};

Decoder::Decoder(Needs needs) : state_(std::make_unique<State>(needs)) {}
Decoder::~Decoder() = default;

void Decoder::feed(const std::uint8_t *data, std::size_t size) {
    state_->feed({data, data + size, state_->offset_});
    state_->offset_ += size;
}

Profile Decoder::finish() { return state_->finish(); }

} // namespace whet
