#include "remote/stack.hpp"

#include <algorithm>
#include <cstring>

namespace whet::remote {
namespace {

// The interpreter's own size of a chunk (DATA_STACK_CHUNK_SIZE); a larger one is read in two steps.
constexpr size_t CHUNK_BYTES = 16384, MOST_CHUNK_BYTES = 64 << 20;
constexpr size_t FRAME_BYTES = 96, MOST_FRAMES = 200'000;
constexpr int64_t MOST_BYTECODE = int64_t{1} << 30;
constexpr unsigned CODE_OWNERS = 3; // of a thread, a generator or a frame object: the same since 3.11

uint64_t field(const unsigned char *copy, size_t offset) {
    uint64_t value;
    memcpy(&value, copy + offset, sizeof value);
    return value;
}

} // namespace

uint64_t ThreadCopy::word(size_t offset) const { return field(bytes, offset); }

bool StackCopier::copied(uint64_t address, void *to, size_t bytes) const {
    for (const Part &part : chunks_) {
        if (address >= part.address && address + bytes <= part.address + part.bytes) {
            memcpy(to, data_.data() + part.begin + (address - part.address), bytes);
            return true;
        }
    }
    return false;
}

bool StackCopier::read(uint64_t address, void *to, size_t bytes) {
    size_t begin = data_.size();
    data_.resize(begin + bytes);
    if (!memory_.read(address, data_.data() + begin, bytes)) {
        data_.resize(begin);
        return false;
    }
    others_.push_back({address, begin, bytes});
    memcpy(to, data_.data() + begin, bytes);
    return true;
}

void StackCopier::copy_first_chunk(const ThreadCopy &thread) {
    chunks_.clear();
    others_.clear();
    data_.clear();
    older_ = unused_begin_ = unused_end_ = 0;
    uint64_t chunk = thread.word(at_.thread_chunk), top = thread.word(at_.thread_chunk_top);
    if (!chunk || top <= chunk || top - chunk > MOST_CHUNK_BYTES)
        return;
    data_.resize(top - chunk);
    data_.resize(memory_.read_some(chunk, data_.data(), data_.size()));
    if (data_.size() < 16) {
        data_.clear();
        return;
    }
    chunks_.push_back({chunk, 0, data_.size()});
    older_ = field(data_.data(), at_.chunk_previous);
    unused_begin_ = top;
    unused_end_ = chunk + field(data_.data(), at_.chunk_size);
}

bool StackCopier::copy_older_chunk() {
    if (!older_)
        return false;
    size_t begin = data_.size(), chunk = older_;
    data_.resize(begin + CHUNK_BYTES);
    size_t got = memory_.read_some(chunk, data_.data() + begin, CHUNK_BYTES);
    data_.resize(begin + got);
    older_ = 0;
    if (got < 16)
        return false;
    size_t size = field(data_.data() + begin, at_.chunk_size);
    if (size > CHUNK_BYTES && size <= MOST_CHUNK_BYTES && got == CHUNK_BYTES) {
        data_.resize(begin + size);
        got += memory_.read_some(chunk + got, data_.data() + begin + got, size - got);
        data_.resize(begin + got);
    }
    // A chunk that is met twice makes a loop of what must be a chain.
    for (const Part &part : chunks_)
        if (part.address == chunk)
            return false;
    chunks_.push_back({chunk, begin, got});
    older_ = field(data_.data() + begin, at_.chunk_previous);
    return true;
}

bool StackCopier::frame(uint64_t address, Frame *to, bool *is_code, uint64_t *previous) {
    unsigned char copy[FRAME_BYTES];
    size_t bytes = at_.frame_owner + 1;
    if (address >= unused_begin_ && address < unused_end_)
        return false;
    if (!copied(address, copy, bytes)) {
        // In an older chunk, or on the C stack, or in a generator.
        bool in_chunk = false;
        if (older_ && address > older_ && address < older_ + CHUNK_BYTES)
            in_chunk = copy_older_chunk() && copied(address, copy, bytes);
        if (!in_chunk && !read(address, copy, bytes))
            return false;
    }
    unsigned owner = copy[at_.frame_owner];
    *previous = field(copy, at_.frame_previous);
    *is_code = owner < CODE_OWNERS;
    if (!*is_code)
        return owner < 32 && (at_.skipped_owners >> owner & 1);
    to->code = field(copy, at_.frame_code) & at_.code_mask;
    to->offset = static_cast<int64_t>(field(copy, at_.frame_instruction)) -
                 static_cast<int64_t>(to->code + at_.code_start);
    return to->code && to->offset >= -2 && to->offset <= MOST_BYTECODE && !(to->offset & 1);
}

bool StackCopier::walk(uint64_t leaf, std::vector<Frame> *to) {
    to->clear();
    uint64_t at = leaf;
    for (size_t steps = 0; at; ++steps) {
        Frame frame{};
        bool is_code;
        uint64_t previous;
        if (steps > MOST_FRAMES || !this->frame(at, &frame, &is_code, &previous) || previous == at)
            return false;
        if (is_code)
            to->push_back(frame);
        at = previous;
    }
    return true;
}

bool StackCopier::take(const ThreadCopy &thread, std::vector<Frame> *to) {
    copy_first_chunk(thread);
    uint64_t at = thread.word(at_.thread_frame);
    if (!at_.frame_is_in_cframe)
        return walk(at, to);
    // 3.11 and 3.12 publish a cframe {current_frame, previous} a few instructions before its frame is set:
    // there the caller's is the right one.
    uint64_t both[2], before;
    if (!at || !read(at + at_.cframe_frame, both, sizeof both))
        return false;
    return walk(both[0], to) || (both[1] && read(both[1] + at_.cframe_frame, &before, sizeof before) &&
                                 before && walk(before, to));
}

bool StackCopier::is_unchanged(const ThreadCopy &thread) const {
    std::vector<unsigned char> again(data_.size());
    uint64_t at = 0;
    std::vector<Piece> pieces{{thread.address + at_.thread_frame, sizeof at, &at}};
    for (const auto &parts : {chunks_, others_})
        for (const Part &part : parts)
            pieces.push_back({part.address, part.bytes, again.data() + part.begin});
    return memory_.read_all(pieces) && again == data_ && at == thread.word(at_.thread_frame);
}

} // namespace whet::remote
