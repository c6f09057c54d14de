// The ring between signal handlers and the service thread: many producers, one consumer.
//
// A producer reserves exactly the room it needs with one compare-and-swap, fills it, and commits
// it by storing the record's size last. Nothing is allocated or locked. A record never wraps
// around the end (the rest is skipped by a padding record). When there is no room the sample is
// dropped and counted by the caller. Consumed memory is zeroed, so an uncommitted record reads
// as size 0.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>

#include "probe/common/own_stack.hpp"

namespace whet::probe {

// Beside StackFlag in a record's flags: no sample, skip.
constexpr uint32_t RECORD_PADDING = 1;

struct Record {
    std::atomic<uint32_t> bytes; // 0 until committed; a multiple of 8, header included
    uint32_t flags;
    uint32_t thread_slot;
    uint32_t thread_serial;
    uint32_t label_set;
    uint32_t frame_count;
    int64_t cpu_ns;
    // Frame frames[frame_count], leaf first

    Frame *frames() { return reinterpret_cast<Frame *>(this + 1); }
    const Frame *frames() const { return reinterpret_cast<const Frame *>(this + 1); }
    static size_t size_for(size_t frames) { return sizeof(Record) + frames * sizeof(Frame); }
};
static_assert(sizeof(Record) == 32 && sizeof(Frame) == 16);

class SampleRing {
  public:
    // `capacity` is a power of two. The memory is touched as it is used.
    explicit SampleRing(size_t capacity) : mask_(capacity - 1) {
        void *p = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
        base_ = p == MAP_FAILED ? nullptr : static_cast<char *>(p);
    }
    ~SampleRing() {
        if (base_)
            munmap(base_, mask_ + 1);
    }
    SampleRing(const SampleRing &) = delete;
    SampleRing &operator=(const SampleRing &) = delete;

    bool ok() const { return base_ != nullptr; }

    // Reserve room for a record of `bytes`; nullptr when full. Async-signal-safe.
    Record *reserve(size_t bytes) {
        const size_t capacity = mask_ + 1;
        if (bytes > capacity / 2)
            return nullptr;
        uint64_t head = head_.load(std::memory_order_relaxed);
        for (;;) {
            size_t at = head & mask_;
            size_t padding = at + bytes > capacity ? capacity - at : 0;
            if (head + padding + bytes - tail_.load(std::memory_order_acquire) > capacity)
                return nullptr;
            if (!head_.compare_exchange_weak(head, head + padding + bytes, std::memory_order_relaxed))
                continue;
            if (padding) {
                // At least 8 bytes, room for the two words the consumer looks at.
                auto *skip = reinterpret_cast<Record *>(base_ + at);
                skip->flags = RECORD_PADDING;
                skip->bytes.store(static_cast<uint32_t>(padding), std::memory_order_release);
                at = 0;
            }
            return reinterpret_cast<Record *>(base_ + at);
        }
    }

    void commit(Record *record, size_t bytes) {
        record->bytes.store(static_cast<uint32_t>(bytes), std::memory_order_release);
    }

    // Hand committed records, oldest first, to visit(const Record &). One consumer at a time.
    template <class Visit> void consume(Visit &&visit) {
        uint64_t tail = tail_.load(std::memory_order_relaxed);
        while (tail != head_.load(std::memory_order_acquire)) {
            auto *record = reinterpret_cast<Record *>(base_ + (tail & mask_));
            uint32_t bytes = record->bytes.load(std::memory_order_acquire);
            if (bytes == 0)
                break;
            if (!(record->flags & RECORD_PADDING))
                visit(*record);
            std::memset(static_cast<void *>(record), 0, bytes);
            tail += bytes;
            tail_.store(tail, std::memory_order_release);
        }
    }

    uint64_t head() const { return head_.load(std::memory_order_acquire); }
    uint64_t tail() const { return tail_.load(std::memory_order_acquire); }
    bool filling() const { return head() - tail() > (mask_ + 1) / 4; }

  private:
    char *base_;
    size_t mask_;
    alignas(64) std::atomic<uint64_t> head_{0};
    alignas(64) std::atomic<uint64_t> tail_{0};
};

} // namespace whet::probe
