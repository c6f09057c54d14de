#include "remote/codes.hpp"

#include <algorithm>
#include <cstring>

namespace whet::remote {
namespace {

constexpr size_t MOST_TEXT = 4096, MOST_LINES = 4 << 20;

template <class T> T field(const void *copy, size_t offset) {
    T value;
    memcpy(&value, static_cast<const unsigned char *>(copy) + offset, sizeof value);
    return value;
}

void append_utf8(std::string &to, uint32_t c) {
    if (c < 0x80) {
        to += static_cast<char>(c);
    } else if (c < 0x800) {
        to += static_cast<char>(0xC0 | c >> 6);
        to += static_cast<char>(0x80 | (c & 63));
    } else if (c < 0x10000) {
        to += static_cast<char>(0xE0 | c >> 12);
        to += static_cast<char>(0x80 | (c >> 6 & 63));
        to += static_cast<char>(0x80 | (c & 63));
    } else {
        to += static_cast<char>(0xF0 | c >> 18);
        to += static_cast<char>(0x80 | (c >> 12 & 63));
        to += static_cast<char>(0x80 | (c >> 6 & 63));
        to += static_cast<char>(0x80 | (c & 63));
    }
}

// A reader of the variable-length numbers in a location table: six bits a byte, the low ones first.
struct Varints {
    const std::string &table;
    size_t at;

    uint32_t next() {
        uint32_t value = 0;
        for (int shift = 0; at < table.size() && shift < 32; shift += 6) {
            auto byte = static_cast<unsigned char>(table[at++]);
            value |= static_cast<uint32_t>(byte & 63) << shift;
            if (!(byte & 64))
                break;
        }
        return value;
    }
    int32_t next_signed() {
        uint32_t value = next();
        auto half = static_cast<int32_t>(value >> 1);
        return value & 1 ? -half : half;
    }
};

} // namespace

int32_t line_of(const std::string &table, int32_t first_line, int64_t offset) {
    enum { LONG_FORM = 14, NO_COLUMNS = 13, ONE_LINE = 10, NOWHERE = 15 };
    int64_t target = offset < 0 ? 0 : offset;
    int64_t covered = 0;
    int32_t line = first_line;
    for (size_t at = 0; at < table.size();) {
        auto head = static_cast<unsigned char>(table[at++]);
        int code = head >> 3 & 15;
        covered += 2 * ((head & 7) + 1); // code units of two bytes
        Varints numbers{table, at};
        if (code == LONG_FORM || code == NO_COLUMNS)
            line += numbers.next_signed();
        else if (code >= ONE_LINE && code < NO_COLUMNS)
            line += code - ONE_LINE;
        if (target < covered)
            return code == NOWHERE ? first_line : line;
        // The bytes after an entry's first one have their highest bit clear.
        while (at < table.size() && !(table[at] & 0x80))
            ++at;
    }
    return first_line;
}

size_t Codes::head_bytes() const {
    size_t last = std::max({at_.code_filename, at_.code_name, at_.code_lines, at_.object_type});
    return std::max({last + 8, at_.code_first_line + 4, at_.code_version + 4});
}

CodeHead Codes::head_in(const unsigned char *copy) const {
    return {field<uint64_t>(copy, at_.code_filename), field<uint64_t>(copy, at_.code_name),
            field<uint64_t>(copy, at_.code_lines), field<int32_t>(copy, at_.code_first_line),
            at_.code_version ? field<uint32_t>(copy, at_.code_version) : 0};
}

// The type is known by its name, so that no symbol of it is needed; asked once.
bool Codes::is_code_type(uint64_t type) {
    if (code_type_)
        return type == code_type_;
    uint64_t name;
    if (!type || !memory_.word(type + at_.type_name, &name) || memory_.text(name, 8) != "code")
        return false;
    code_type_ = type;
    return true;
}

bool Codes::read_heads(const std::vector<uint64_t> &addresses, std::vector<SeenCode> *to) {
    size_t each = head_bytes();
    std::vector<unsigned char> copies(addresses.size() * each);
    std::vector<Piece> pieces;
    for (size_t i = 0; i < addresses.size(); ++i)
        pieces.push_back({addresses[i], each, copies.data() + i * each});
    if (!memory_.read_all(pieces))
        return false;
    to->clear();
    for (size_t i = 0; i < addresses.size(); ++i) {
        const unsigned char *copy = copies.data() + i * each;
        if (!is_code_type(field<uint64_t>(copy, at_.object_type)))
            return false;
        to->push_back({head_in(copy), -1, {}, {}, {}});
    }
    return true;
}

// Those without a version are known by what their parts hold.
void Codes::find_known(const std::vector<uint64_t> &addresses, std::vector<SeenCode> *seen) const {
    std::vector<std::pair<const Known *, SeenCode *>> doubtful;
    for (size_t i = 0; i < addresses.size(); ++i) {
        SeenCode &code = (*seen)[i];
        auto known = by_address_.find(addresses[i]);
        if (known == by_address_.end() || !(known->second.head == code.head))
            continue;
        code.number = known->second.number;
        if (!code.head.version)
            doubtful.emplace_back(&known->second, &code);
    }
    std::vector<Piece> pieces;
    for (auto &[known, code] : doubtful) {
        code->parts.resize(known->parts.size());
        size_t begin = 0;
        for (const auto &[address, size] : known->places) {
            pieces.push_back({address, size, code->parts.data() + begin});
            begin += size;
        }
    }
    bool is_whole = memory_.read_all(pieces);
    for (auto &[known, code] : doubtful)
        if (!is_whole || code->parts != known->parts)
            code->number = -1;
}

bool Codes::read(const std::vector<uint64_t> &addresses, std::vector<SeenCode> *to) {
    if (!read_heads(addresses, to))
        return false;
    find_known(addresses, to);
    return std::all_of(to->begin(), to->end(),
                       [this](SeenCode &code) { return code.number >= 0 || load(&code); });
}

bool Codes::text(uint64_t address, std::string *to, Place *place) const {
    unsigned char head[128];
    size_t wanted = std::max(at_.text_length, at_.text_state) + 8;
    if (!address || wanted > sizeof head || !memory_.read(address, head, wanted))
        return false;
    auto length = field<uint64_t>(head, at_.text_length);
    auto state = field<uint32_t>(head, at_.text_state);
    size_t kind = state >> 2 & 7;
    bool is_compact = state >> 5 & 1, is_ascii = state >> 6 & 1;
    if (!is_compact || (kind != 1 && kind != 2 && kind != 4))
        return false;
    length = std::min<uint64_t>(length, MOST_TEXT);
    std::string data(length * kind, '\0');
    size_t begin = is_ascii ? at_.ascii_bytes : at_.compact_bytes;
    if (!memory_.read(address + begin, data.data(), data.size()))
        return false;
    *place = {address + at_.text_length, begin + data.size() - at_.text_length};
    to->clear();
    for (size_t i = 0; i < length; ++i) {
        if (kind == 1)
            append_utf8(*to, static_cast<unsigned char>(data[i]));
        else if (kind == 2)
            append_utf8(*to, field<uint16_t>(data.data(), 2 * i));
        else
            append_utf8(*to, field<uint32_t>(data.data(), 4 * i));
    }
    return true;
}

bool Codes::bytes(uint64_t address, std::string *to, Place *place) const {
    uint64_t size;
    if (!address || !memory_.word(address + at_.bytes_size, &size) || size > MOST_LINES)
        return false;
    to->resize(size);
    *place = {address + at_.bytes_size, at_.bytes_value + size - at_.bytes_size};
    return memory_.read(address + at_.bytes_value, to->data(), size);
}

bool Codes::load(SeenCode *to) const {
    Code &code = to->code;
    code.first_line = to->head.first_line;
    to->places.resize(3);
    if (!text(to->head.name, &code.name, &to->places[0]) ||
        !text(to->head.filename, &code.filename, &to->places[1]) ||
        !bytes(to->head.lines, &code.lines, &to->places[2]))
        return false;
    if (to->head.version)
        return true;
    std::vector<Piece> pieces;
    to->parts.resize(to->places[0].second + to->places[1].second + to->places[2].second);
    char *part = to->parts.data();
    for (const auto &[address, size] : to->places) {
        pieces.push_back({address, size, part});
        part += size;
    }
    return memory_.read_all(pieces);
}

int32_t Codes::number(uint64_t address, SeenCode *seen) {
    if (seen->number >= 0)
        return seen->number;
    const Code &code = seen->code;
    std::string key =
        code.filename + '\0' + code.name + '\0' + std::to_string(code.first_line) + '\0' + code.lines;
    auto [slot, fresh] = known_.emplace(std::move(key), static_cast<int32_t>(codes_.size()));
    if (fresh) {
        codes_.push_back(std::move(seen->code));
        lines_.emplace_back();
    }
    seen->number = slot->second;
    by_address_[address] = {seen->head, seen->number, std::move(seen->parts), std::move(seen->places)};
    return seen->number;
}

int32_t Codes::line(int32_t number, int64_t offset) {
    auto [slot, fresh] = lines_[static_cast<size_t>(number)].emplace(offset, 0);
    if (fresh) {
        const Code &code = codes_[static_cast<size_t>(number)];
        slot->second = line_of(code.lines, code.first_line, offset);
    }
    return slot->second;
}

} // namespace whet::remote
