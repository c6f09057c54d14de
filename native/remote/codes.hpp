// Code objects of another process: names and lines, read once and kept while they are the same.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "remote/layout.hpp"
#include "remote/memory.hpp"

namespace whet::remote {

// What tells that an address still holds the code object that was there before. From 3.12 on no two of them
// have the same version; where it is 0, the parts may be other objects at the same addresses.
struct CodeHead {
    uint64_t filename = 0, name = 0, lines = 0;
    int32_t first_line = 0;
    uint32_t version = 0;
    bool operator==(const CodeHead &) const = default;
};

struct Code {
    std::string name, filename; // UTF-8; co_qualname
    int32_t first_line = 0;
    std::string lines; // co_linetable
};

// A code object as it was at one moment.
struct SeenCode {
    CodeHead head;
    int32_t number = -1; // -1: not known yet; then it is `code`
    Code code;
    std::string parts;                               // the bytes of its name, file name and lines
    std::vector<std::pair<uint64_t, size_t>> places; // (address, size) of these
};

// The line of the instruction at `offset` bytes by a location table (Objects/locations.md in CPython's
// sources, 3.11 and later); `first_line` where the table has none for it.
int32_t line_of(const std::string &table, int32_t first_line, int64_t offset);

class Codes {
  public:
    Codes(const Memory &memory, const Layout &layout) : memory_(memory), at_(layout) {}

    // Read code objects, while their thread is proved to stand still: those that are known from before
    // are compared, the others read whole. False if one cannot be read, is implausible or none at all.
    bool read(const std::vector<uint64_t> &addresses, std::vector<SeenCode> *to);
    // The number of a code object that was read, under a proof that holds; known from now on.
    int32_t number(uint64_t address, SeenCode *seen);
    // Source line of an instruction.
    int32_t line(int32_t number, int64_t offset);

    const std::vector<Code> &all() const { return codes_; }

  private:
    bool is_code_type(uint64_t type);
    using Place = std::pair<uint64_t, size_t>;
    bool read_heads(const std::vector<uint64_t> &addresses, std::vector<SeenCode> *to);
    void find_known(const std::vector<uint64_t> &addresses, std::vector<SeenCode> *seen) const;
    bool text(uint64_t address, std::string *to, Place *place) const;
    bool bytes(uint64_t address, std::string *to, Place *place) const;
    bool load(SeenCode *to) const;
    size_t head_bytes() const;
    CodeHead head_in(const unsigned char *copy) const;

    const Memory &memory_;
    const Layout &at_;
    uint64_t code_type_ = 0;
    std::vector<Code> codes_;
    std::unordered_map<std::string, int32_t> known_; // equal code objects are one
    struct Known {
        CodeHead head;
        int32_t number;
        std::string parts;
        std::vector<Place> places;
    };
    std::unordered_map<uint64_t, Known> by_address_;
    std::vector<std::unordered_map<int64_t, int32_t>> lines_;
};

} // namespace whet::remote
