// Columns to NumPy arrays without a copy, and arrays to spans.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <initializer_list>
#include <span>

#include "codec/column.hpp"

namespace whet {

// A one-dimensional array that is borrowed for reading.
template <class T>
using Array = nanobind::ndarray<const T, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;

template <class T> std::span<const T> span_of(const Array<T> &a) { return {a.data(), a.size()}; }

// Hand a column's memory to a NumPy array of the given shape; As is the array's element type.
template <class As, class T>
nanobind::object to_numpy(Column<T> &&column, std::initializer_list<std::size_t> shape) {
    static_assert(sizeof(As) == sizeof(T));
    namespace nb = nanobind;
    column.reserve(1); // an array of no elements has an address too
    auto *block = new Block(column.release());
    nb::capsule owner(block, [](void *p) noexcept {
        auto *b = static_cast<Block *>(p);
        free_block(*b);
        delete b;
    });
    return nb::cast(nb::ndarray<nb::numpy, As>(static_cast<As *>(block->data), shape, owner));
}

template <class T> nanobind::object to_numpy(Column<T> &&column) {
    const std::size_t size = column.size();
    return to_numpy<T>(std::move(column), {size});
}

inline nanobind::object to_flags(Column<std::uint8_t> &&column) {
    const std::size_t size = column.size();
    return to_numpy<bool>(std::move(column), {size});
}

} // namespace whet
