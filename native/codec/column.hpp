// Column<T>: a growing array of plain values that never copies itself while it grows large.
//
// std::vector doubles by copying, so its peak is three times its content. Above a threshold a
// Column lives in pages of its own and grows with mremap: pages are moved, not copied, and pages
// not yet written cost nothing. `release` hands the memory to another owner (NumPy).
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>
#include <type_traits>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WHET_COLUMN_MALLOC_ONLY 1
#endif
#endif
// Under AddressSanitizer every block comes from malloc, so that overruns are seen.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(WHET_COLUMN_MALLOC_ONLY)
#include <sys/mman.h>
#define WHET_COLUMN_MREMAP 1
#endif

namespace whet {

// A block of memory handed out by Column::release; free it with free_block.
struct Block {
    void *data = nullptr;
    std::size_t capacity_bytes = 0;
};

namespace detail {

#ifdef WHET_COLUMN_MREMAP
constexpr std::size_t mapped_from_bytes = std::size_t{1} << 17;
constexpr std::size_t large_from_bytes = std::size_t{1} << 22;
inline bool is_mapped(std::size_t bytes) { return bytes >= mapped_from_bytes; }
#else
inline bool is_mapped(std::size_t) { return false; }
#endif

inline Block allocate(std::size_t bytes) {
#ifdef WHET_COLUMN_MREMAP
    if (is_mapped(bytes)) {
        void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            throw std::bad_alloc();
        return {p, bytes};
    }
#endif
    void *p = std::malloc(bytes ? bytes : 1);
    if (!p)
        throw std::bad_alloc();
    return {p, bytes};
}

} // namespace detail

inline void free_block(Block block) {
#ifdef WHET_COLUMN_MREMAP
    if (detail::is_mapped(block.capacity_bytes)) {
        munmap(block.data, block.capacity_bytes);
        return;
    }
#endif
    std::free(block.data);
}

namespace detail {

// Return a block of `bytes` that begins with the `used` first bytes of `old`.
inline Block regrow(Block old, std::size_t used, std::size_t bytes) {
#ifdef WHET_COLUMN_MREMAP
    if (is_mapped(old.capacity_bytes) && is_mapped(bytes)) {
        void *p = mremap(old.data, old.capacity_bytes, bytes, MREMAP_MAYMOVE);
        if (p == MAP_FAILED)
            throw std::bad_alloc();
        return {p, bytes};
    }
#endif
    Block fresh = allocate(bytes);
    if (used)
        std::memcpy(fresh.data, old.data, used);
    if (old.data)
        free_block(old);
    return fresh;
}

} // namespace detail

template <class T> class Column {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    Column() = default;
    Column(std::initializer_list<T> values) {
        for (const T &v : values)
            push_back(v);
    }
    Column(const Column &) = delete;
    Column &operator=(const Column &) = delete;
    Column(Column &&other) noexcept { swap(other); }
    Column &operator=(Column &&other) noexcept {
        swap(other);
        return *this;
    }
    ~Column() { reset(); }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T *data() { return values(); }
    const T *data() const { return values(); }
    T &operator[](std::size_t i) { return values()[i]; }
    const T &operator[](std::size_t i) const { return values()[i]; }
    T &back() { return values()[size_ - 1]; }
    const T &back() const { return values()[size_ - 1]; }
    T *begin() { return values(); }
    T *end() { return values() + size_; }
    const T *begin() const { return values(); }
    const T *end() const { return values() + size_; }

    void push_back(T value) {
        if (size_ == capacity())
            reserve(size_ + 1);
        values()[size_++] = value;
    }

    void append(const T *from, std::size_t count) {
        if (!count)
            return;
        reserve(size_ + count);
        std::memcpy(values() + size_, from, count * sizeof(T));
        size_ += count;
    }

    // Make room for `count` values in all.
    void reserve(std::size_t count) {
        if (count <= capacity())
            return;
        std::size_t wanted = capacity() + capacity() / 2;
        if (wanted < count)
            wanted = count;
        if (wanted < 16)
            wanted = 16;
        block_ = detail::regrow(block_, size_ * sizeof(T), wanted * sizeof(T));
    }

    // Make room for `count` values that will all be written: in large pages, which cost fewer faults.
    void reserve_whole(std::size_t count) {
        reserve(count);
#if defined(WHET_COLUMN_MREMAP) && defined(MADV_HUGEPAGE)
        if (block_.capacity_bytes >= detail::large_from_bytes)
            madvise(block_.data, block_.capacity_bytes, MADV_HUGEPAGE); // a wish: it may be refused
#endif
    }

    // Change the size; new values are zero.
    void resize(std::size_t count) {
        reserve(count);
        if (count > size_)
            std::memset(values() + size_, 0, (count - size_) * sizeof(T));
        size_ = count;
    }

    // Make room for `count` more values and return where they go; `grow` takes in what was written.
    T *room(std::size_t count) {
        reserve(size_ + count);
        return values() + size_;
    }
    void grow(std::size_t count) { size_ += count; }

    void clear() { size_ = 0; }
    void pop_back() { --size_; }

    // Give the memory away (see free_block) and become empty.
    Block release() {
        size_ = 0;
        return std::exchange(block_, Block{});
    }

    void reset() {
        if (block_.data)
            free_block(block_);
        block_ = {};
        size_ = 0;
    }

    void swap(Column &other) noexcept {
        std::swap(block_, other.block_);
        std::swap(size_, other.size_);
    }

  private:
    T *values() const { return static_cast<T *>(block_.data); }
    std::size_t capacity() const { return block_.capacity_bytes / sizeof(T); }

    Block block_;
    std::size_t size_ = 0;
};

} // namespace whet
