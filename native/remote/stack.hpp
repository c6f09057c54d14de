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

// Where a stack lay.
struct Footprint {
    struct Chunk {
        uint64_t address;
        size_t bytes;
    };
    std::vector<Chunk> chunks;    // newest first
    std::vector<uint64_t> frames; // outside of chunks, leaf first
};

// What lies where the thread's last stack lay is read together, the rest piece by piece: that is chunks, and
// frames that are elsewhere (of generators, and those on the C stack).
class StackCopier {
  public:
    StackCopier(const Memory &memory, const Layout &layout);

    // Copy and walk the stack of a thread, leaf first; false where it is not a whole, plausible stack.
    // What is read must not move meanwhile: the caller proves that. `where` tells of the thread's last stack,
    // and then of this one.
    bool take(const ThreadCopy &thread, Footprint *where, std::vector<Frame> *to);
    // Whether the bytes that the last stack was made of are the same now.
    bool is_unchanged(const ThreadCopy &thread) const;

  private:
    struct Part {
        uint64_t address;
        size_t begin, bytes; // in data_
    };

    void copy_first_chunks(const ThreadCopy &thread, const std::vector<Footprint::Chunk> &known);
    bool copy_chunks(Footprint::Chunk newest, const std::vector<Footprint::Chunk> &known);
    bool copy_older_chunk();
    unsigned char *room(size_t bytes);
    const unsigned char *read(uint64_t address, size_t bytes);
    const unsigned char *copied(uint64_t address, size_t bytes);
    const unsigned char *guessed(uint64_t address);
    const unsigned char *find(uint64_t address);
    void read_guesses();
    bool find_and_walk(const ThreadCopy &thread, std::vector<Frame> *to);
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
