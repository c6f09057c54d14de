// Events of waiting threads on their way to the service thread.
//
// A plain buffer under a plain mutex: events come at most once per threshold and thread. Its
// memory is reserved once, as a thread may come here out of an allocator that waits for its lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <vector>

#include "probe/common/stack_walk.hpp"
#include "probe/waits/blocking_reason.hpp"

namespace whet::probe {

enum class BlockingEvent : uint32_t {
    wait,        // a wait that has ended: its thread's stack
    unlock,      // a lock that others wait for was released: the releaser's stack, `waiter` the first of them
    gil_release, // the GIL was released while others waited: the releaser's stack
    thread_end,  // a thread ends: what its clocks say, no stack
};

struct BlockingRecord {
    uint32_t bytes; // a multiple of 8, header and frames
    BlockingEvent event;
    uint32_t thread; // serial
    int32_t tid;
    uint32_t stack_flags; // StackFlag
    uint32_t labels;
    uint32_t frame_count;
    uint32_t contentions; // 0 for the continuation of a wait
    Reason reason;
    uint32_t waiter;      // serial of the waiting thread: `thread` itself in a wait
    uint32_t wait_number; // of the waiter
    int64_t ticks;        // how long
    int64_t cpu_ns;       // the part of it that the call, or the thread, spent computing
    int64_t delay_ns;     // thread_end: the part of it without a processor, though one was wanted
    // Frame frames[frame_count], leaf first

    Frame *frames() { return reinterpret_cast<Frame *>(this + 1); }
    const Frame *frames() const { return reinterpret_cast<const Frame *>(this + 1); }
    static size_t size_for(size_t frames) { return sizeof(BlockingRecord) + frames * sizeof(Frame); }
};
static_assert(sizeof(BlockingRecord) % 8 == 0 && alignof(BlockingRecord) == 8);

class BlockingLog {
  public:
    bool open() {
        if (!base_) {
            void *p = mmap(nullptr, CAPACITY, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            base_ = p == MAP_FAILED ? nullptr : static_cast<char *>(p);
        }
        return base_ != nullptr;
    }

    // Have write(BlockingRecord &) fill a record of `frames` frames; false when there is no room.
    template <class Write> bool add(size_t frames, Write write) {
        size_t bytes = BlockingRecord::size_for(frames);
        std::lock_guard lock(mutex_);
        if (used_ + bytes > CAPACITY)
            return false;
        auto *record = reinterpret_cast<BlockingRecord *>(base_ + used_);
        record->bytes = static_cast<uint32_t>(bytes);
        record->frame_count = static_cast<uint32_t>(frames);
        // Counted before the frames are copied: their code objects are kept from here on.
        begun_.fetch_add(1);
        write(*record);
        used_ += bytes;
        return true;
    }

    // Move everything to the end of `to`, as 8-byte words; returns how many events have been begun
    // before those that are still to come.
    uint64_t take(std::vector<uint64_t> *to) {
        std::lock_guard lock(mutex_);
        size_t at = to->size();
        to->resize(at + used_ / 8);
        if (used_)
            std::memcpy(to->data() + at, base_, used_);
        used_ = 0;
        return begun_.load();
    }

    uint64_t begun() const { return begun_.load(); }
    bool filling() const { return used_ > CAPACITY / 4; }

    // In a forked child: another thread may have had the mutex.
    void forget_after_fork() {
        new (&mutex_) std::mutex;
        used_ = 0;
    }

  private:
    static constexpr size_t CAPACITY = size_t{1} << 22;

    std::mutex mutex_;
    char *base_ = nullptr;
    size_t used_ = 0;
    std::atomic<uint64_t> begun_{0};
};

} // namespace whet::probe
