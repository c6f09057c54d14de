// The Python stack of a thread in another process: copied chunk by chunk, walked in the copy.
#pragma once

#include <cstdint>
#include <vector>

#include "remote/layout.hpp"
#include "remote/memory.hpp"

namespace whet::remote {

struct Frame {
    uint64_t code;  // address of the code object
    int64_t offset; // bytes from the start of its instructions; may be -2 at function entry
    bool operator==(const Frame &) const = default;
};

// How much of a PyThreadState is read.
constexpr size_t THREAD_BYTES = 512;

struct ThreadCopy {
    uint64_t address = 0;
    unsigned char bytes[THREAD_BYTES] = {};
    uint64_t word(size_t offset) const;
};

// Frames that are elsewhere (of generators, and those on the C stack) are read one by one.
class StackCopier {
  public:
    StackCopier(const Memory &memory, const Layout &layout) : memory_(memory), at_(layout) {}

    // Copy and walk the stack of a thread, leaf first; false where it is not a whole, plausible stack.
    // What is read must not move meanwhile: the caller proves that.
    bool take(const ThreadCopy &thread, std::vector<Frame> *to);
    // Whether the bytes that the last stack was made of are the same now.
    bool is_unchanged(const ThreadCopy &thread) const;

  private:
    struct Part {
        uint64_t address;
        size_t begin, bytes; // in data_
    };

    void copy_first_chunk(const ThreadCopy &thread);
    bool copy_older_chunk();
    unsigned char *room(size_t bytes);
    const unsigned char *read(uint64_t address, size_t bytes);
    const unsigned char *copied(uint64_t address, size_t bytes);
    bool walk(uint64_t leaf, std::vector<Frame> *to);
    bool frame(uint64_t address, Frame *to, bool *is_code, uint64_t *previous);

    const Memory &memory_;
    const Layout &at_;
    std::vector<Part> chunks_, others_;
    size_t last_ = 0;                 // the chunk in which the last frame was found
    std::vector<unsigned char> data_; // of which `used_` bytes are copies; grows only
    size_t used_ = 0;
    uint64_t older_ = 0;                         // the next chunk towards the root
    uint64_t unused_begin_ = 0, unused_end_ = 0; // of the newest chunk: holds what is left of ended calls
};

} // namespace whet::remote
