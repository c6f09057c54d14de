// Streaming decoder of profile.proto: blocks of uncompressed text in, a Profile out.
//
// Never holds more of the text than one unfinished sub-message; a length in the input allocates
// nothing by itself. Memory stays below ten times the text for any input. Twin and oracle:
// src/whet/kernels/reference/pprof.py, which refuses the same inputs with the same words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "codec/profile.hpp"
#include "codec/wire.hpp"

namespace whet {

class Decoder {
  public:
    explicit Decoder(Needs needs = {});
    ~Decoder();
    Decoder(const Decoder &) = delete;
    Decoder &operator=(const Decoder &) = delete;

    // Take the next bytes. Throws FormatError; the decoder is of no use afterwards.
    void feed(const std::uint8_t *data, std::size_t size);

    // Check the whole and give it away. Throws FormatError.
    Profile finish();

  private:
    class State;
    std::unique_ptr<State> state_;
};

} // namespace whet
