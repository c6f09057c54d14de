#include "remote/stack.hpp"

#include <algorithm>
#include <cstring>

namespace whet::remote {
namespace {

// The interpreter's own size of a chunk (DATA_STACK_CHUNK_SIZE); a larger one is read in two steps.
constexpr size_t CHUNK_BYTES = 16384, MOST_CHUNK_BYTES = 64 << 20;
constexpr size_t CHUNK_HEAD_BYTES = 16, MOST_FRAMES = 200'000;
constexpr size_t MOST_SKIPPED = 64; // of frames that were expected, to find one that is there
constexpr int64_t MOST_BYTECODE = int64_t{1} << 30;
constexpr unsigned CODE_OWNERS = 3; // of a thread, a generator or a frame object: the same since 3.11

uint64_t field(const unsigned char *copy, size_t offset) {
    uint64_t value;
    memcpy(&value, copy + offset, sizeof value);
    return value;
}

} // namespace

StackCopier::StackCopier(const Memory &memory, const Layout &layout)
    : memory_(memory), at_(layout),
      frame_bytes_(std::max(
          {at_.frame_owner + 1, at_.frame_code + 8, at_.frame_instruction + 8, at_.frame_previous + 8})) {}

uint64_t ThreadCopy::word(size_t offset) const { return field(bytes, offset); }

// Room for more copies; pointers to earlier ones end.
unsigned char *StackCopier::room(size_t bytes) {
    if (data_.size() < used_ + bytes)
        data_.resize(2 * (used_ + bytes));
    return data_.data() + used_;
}

const unsigned char *StackCopier::copied(uint64_t address, size_t bytes) {
    // Callers lie in the same chunk, or in the next one towards the root.
    for (size_t i = last_; i < chunks_.size(); ++i) {
        const Part &part = chunks_[i];
        if (address >= part.address && address + bytes <= part.address + part.bytes) {
            last_ = i;
            return data_.data() + part.begin + (address - part.address);
        }
    }
    return nullptr;
}

const unsigned char *StackCopier::read(uint64_t address, size_t bytes) {
    if (!memory_.read(address, room(bytes), bytes))
        return nullptr;
    others_.push_back({address, used_, bytes});
    used_ += bytes;
    return data_.data() + used_ - bytes;
}

// The newest chunk and those that lay behind it before, as far as they still do; false if one of them
// cannot be read.
bool StackCopier::copy_chunks(Footprint::Chunk newest, const std::vector<Footprint::Chunk> &known) {
    auto at = std::find_if(known.begin(), known.end(),
                           [&](const Footprint::Chunk &chunk) { return chunk.address == newest.address; });
    if (at == known.end() || at + 1 == known.end())
        return false;
    std::vector<Footprint::Chunk> wanted{newest};
    wanted.insert(wanted.end(), at + 1, known.end());
    size_t all = 0;
    for (const Footprint::Chunk &chunk : wanted)
        all += chunk.bytes;
    unsigned char *to = room(all);
    std::vector<Piece> pieces;
    for (const Footprint::Chunk &chunk : wanted) {
        pieces.push_back({chunk.address, chunk.bytes, to});
        to += chunk.bytes;
    }
    if (!memory_.read_all(pieces))
        return false;
    older_ = newest.address;
    for (const Footprint::Chunk &chunk : wanted) {
        const unsigned char *copy = data_.data() + used_;
        bool is_first = chunks_.empty(), is_whole = chunk.bytes == field(copy, at_.chunk_size);
        if (chunk.address != older_ || !(is_first || is_whole))
            break;
        chunks_.push_back({chunk.address, used_, chunk.bytes});
        older_ = field(copy, at_.chunk_previous);
        used_ += chunk.bytes;
    }
    return true;
}

void StackCopier::copy_first_chunks(const ThreadCopy &thread, const std::vector<Footprint::Chunk> &known) {
    chunks_.clear();
    others_.clear();
    used_ = last_ = 0;
    older_ = unused_begin_ = unused_end_ = 0;
    uint64_t chunk = thread.word(at_.thread_chunk), top = thread.word(at_.thread_chunk_top);
    if (!chunk || top <= chunk || top - chunk > MOST_CHUNK_BYTES)
        return;
    if (!copy_chunks({chunk, top - chunk}, known)) {
        size_t got = memory_.read_some(chunk, room(top - chunk), top - chunk);
        if (got < CHUNK_HEAD_BYTES)
            return;
        used_ = got;
        chunks_.push_back({chunk, 0, got});
        older_ = field(data_.data(), at_.chunk_previous);
    }
    unused_begin_ = top;
    unused_end_ = chunk + field(data_.data(), at_.chunk_size);
}

bool StackCopier::copy_older_chunk() {
    uint64_t chunk = older_;
    older_ = 0;
    size_t got = memory_.read_some(chunk, room(CHUNK_BYTES), CHUNK_BYTES);
    if (got < CHUNK_HEAD_BYTES)
        return false;
    size_t size = field(data_.data() + used_, at_.chunk_size);
    if (size > CHUNK_BYTES && size <= MOST_CHUNK_BYTES && got == CHUNK_BYTES)
        got += memory_.read_some(chunk + got, room(size) + got, size - got);
    // A chunk that is met twice makes a loop of what must be a chain.
    for (const Part &part : chunks_)
        if (part.address == chunk)
            return false;
    chunks_.push_back({chunk, used_, got});
    older_ = field(data_.data() + used_, at_.chunk_previous);
    used_ += got;
    return true;
}

// Where one of them cannot be read any more, none is.
void StackCopier::read_guesses() {
    has_guesses_ = true;
    room(guesses_.size() * frame_bytes_);
    std::vector<Piece> pieces;
    for (size_t i = 0; i < guesses_.size(); ++i)
        pieces.push_back({guesses_[i], frame_bytes_, data_.data() + used_ + i * frame_bytes_});
    if (!memory_.read_all(pieces)) {
        guesses_.clear();
        return;
    }
    guesses_begin_ = used_;
    for (uint64_t address : guesses_) {
        others_.push_back({address, used_, frame_bytes_});
        used_ += frame_bytes_;
    }
}

const unsigned char *StackCopier::guessed(uint64_t address) {
    if (!has_guesses_)
        read_guesses();
    size_t end = std::min(guesses_.size(), next_guess_ + MOST_SKIPPED);
    for (size_t i = next_guess_; i < end; ++i) {
        if (guesses_[i] == address) {
            next_guess_ = i + 1;
            return data_.data() + guesses_begin_ + i * frame_bytes_;
        }
    }
    return nullptr;
}

const unsigned char *StackCopier::find(uint64_t address) {
    if (const unsigned char *copy = copied(address, frame_bytes_))
        return copy;
    if (older_ && address > older_ && address < older_ + CHUNK_BYTES && copy_older_chunk())
        if (const unsigned char *copy = copied(address, frame_bytes_))
            return copy;
    // On the C stack, or in a generator.
    met_.push_back(address);
    const unsigned char *copy = guessed(address);
    return copy ? copy : read(address, frame_bytes_);
}

bool StackCopier::frame(uint64_t address, Frame *to, bool *is_code, uint64_t *previous) {
    if (address >= unused_begin_ && address < unused_end_)
        return false;
    const unsigned char *copy = find(address);
    if (!copy)
        return false;
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

bool StackCopier::take(const ThreadCopy &thread, Footprint *where, std::vector<Frame> *to) {
    guesses_ = where->frames;
    met_.clear();
    next_guess_ = 0;
    has_guesses_ = guesses_.empty();
    copy_first_chunks(thread, where->chunks);
    bool is_whole = find_and_walk(thread, to);
    where->frames = met_;
    where->chunks.clear();
    for (const Part &chunk : chunks_)
        where->chunks.push_back({chunk.address, chunk.bytes});
    return is_whole;
}

bool StackCopier::find_and_walk(const ThreadCopy &thread, std::vector<Frame> *to) {
    uint64_t at = thread.word(at_.thread_frame);
    if (!at_.frame_is_in_cframe)
        return walk(at, to);
    // 3.11 and 3.12 publish a cframe {current_frame, previous} a few instructions before its frame is set:
    // there the caller's is the right one.
    const unsigned char *copy = at ? read(at + at_.cframe_frame, 2 * sizeof at) : nullptr;
    if (!copy)
        return false;
    uint64_t frame = field(copy, 0), caller = field(copy, sizeof at);
    if (walk(frame, to))
        return true;
    copy = caller ? read(caller + at_.cframe_frame, sizeof at) : nullptr;
    last_ = next_guess_ = 0;
    met_.clear();
    return copy && field(copy, 0) && walk(field(copy, 0), to);
}

bool StackCopier::is_unchanged(const ThreadCopy &thread) const {
    std::vector<unsigned char> again(used_);
    uint64_t at = 0;
    std::vector<Piece> pieces{{thread.address + at_.thread_frame, sizeof at, &at}};
    for (const auto &parts : {chunks_, others_})
        for (const Part &part : parts)
            pieces.push_back({part.address, part.bytes, again.data() + part.begin});
    return memory_.read_all(pieces) && memcmp(again.data(), data_.data(), used_) == 0 &&
           at == thread.word(at_.thread_frame);
}

} // namespace whet::remote
