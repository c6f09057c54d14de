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

// Frames that are elsewhere (of generators, and those on the C stack) are read together where the thread had
// such frames before, else one by one.
class StackCopier {
  public:
    StackCopier(const Memory &memory, const Layout &layout);

    // Copy and walk the stack of a thread, leaf first; false where it is not a whole, plausible stack.
    // What is read must not move meanwhile: the caller proves that. `elsewhere` are the addresses of frames
    // that are likely to be met outside of chunks, leaf first; it becomes those that were.
    bool take(const ThreadCopy &thread, std::vector<uint64_t> *elsewhere, std::vector<Frame> *to);
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
    const unsigned char *guessed(uint64_t address);
    const unsigned char *find(uint64_t address);
    void read_guesses();
    bool take(const ThreadCopy &thread, std::vector<Frame> *to);
    bool walk(uint64_t leaf, std::vector<Frame> *to);
    bool frame(uint64_t address, Frame *to, bool *is_code, uint64_t *previous);

    const Memory &memory_;
    const Layout &at_;
    std::vector<Part> chunks_, others_;
    size_t last_ = 0;                 // the chunk in which the last frame was found
    std::vector<unsigned char> data_; // of which `used_` bytes are copies; grows only
    size_t used_ = 0;
    size_t frame_bytes_;                  // of a frame that are read
    std::vector<uint64_t> guesses_, met_; // frames outside of chunks: of the last stack, of this one
    size_t guesses_begin_ = 0;            // in data_
    size_t next_guess_ = 0;
    bool has_guesses_ = false;                   // they are read
    uint64_t older_ = 0;                         // the next chunk towards the root
    uint64_t unused_begin_ = 0, unused_end_ = 0; // of the newest chunk: holds what is left of ended calls
};

} // namespace whet::remote
