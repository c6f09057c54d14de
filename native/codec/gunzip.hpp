// Unpacks gzip: compressed bytes are pulled from a reader, content comes out in pieces.
//
// Any number of members, zero bytes between and after them. Refuses what zlib refuses, with zlib's
// words. Memory is two buffers, whatever the input. Specification: RFC 1951, RFC 1952. Twin and
// oracle: src/whet/kernels/reference/gzip.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "codec/wire.hpp"

namespace whet {

class Gunzip {
  public:
    // Fills up to `size` bytes and says how many; 0 at the end of the input.
    using Read = std::function<std::size_t(std::uint8_t *to, std::size_t size)>;

    explicit Gunzip(Read read);
    ~Gunzip();
    Gunzip(const Gunzip &) = delete;
    Gunzip &operator=(const Gunzip &) = delete;

    // Return the next piece of the content, empty at its end; valid until the next call.
    // Throws FormatError, and what the reader throws; the object is of no use afterwards.
    std::span<const std::uint8_t> next();

  private:
    class State;
    std::unique_ptr<State> state_;
};

} // namespace whet
