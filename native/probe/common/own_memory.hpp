// OwnVector: an array beside the program's heap, for tables that grow in whichever thread fills them.
//
// From malloc a table would be of that thread's arena, and of another's the next time it grows: each
// arena would end up with holes of the table's size, which the program's memory includes for good.
// Pages of its own are given back as soon as a table has moved.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <limits>
#include <new>
#include <vector>

namespace whet::probe {

template <class T> struct OwnMemory {
    using value_type = T;

    OwnMemory() = default;
    template <class Other> OwnMemory(const OwnMemory<Other> &) {}

    T *allocate(size_t count) {
        if (count > std::numeric_limits<size_t>::max() / sizeof(T))
            throw std::bad_alloc();
        size_t bytes = count * sizeof(T);
        if (bytes < LEAST_MAPPED)
            return static_cast<T *>(::operator new(bytes));
        void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            throw std::bad_alloc();
        return static_cast<T *>(p);
    }
    void deallocate(T *p, size_t count) {
        if (count * sizeof(T) < LEAST_MAPPED)
            ::operator delete(p);
        else
            munmap(p, count * sizeof(T));
    }

    template <class Other> bool operator==(const OwnMemory<Other> &) const { return true; }
    template <class Other> bool operator!=(const OwnMemory<Other> &) const { return false; }

  private:
    // Of which a page not filled is a quarter at the most.
    static constexpr size_t LEAST_MAPPED = 16384;
};

template <class T> using OwnVector = std::vector<T, OwnMemory<T>>;

} // namespace whet::probe
