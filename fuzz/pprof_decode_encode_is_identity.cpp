// Fuzz target: whatever the decoder accepts, the encoder writes back so that it decodes to the
// same profile and encodes to the same bytes; cutting the input differently changes nothing;
// memory stays bounded by the input. Refusing with FormatError is always fine.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "codec/decode.hpp"
#include "codec/encode.hpp"
#include "fuzzing.hpp"

// Of sanitizer/allocator_interface.h, which gcc has no copy of.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, std::size_t),
                                                         void (*)(const volatile void *));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void *);

namespace {

using Input = std::string_view;

std::size_t live_bytes, peak_bytes;

void on_malloc(const volatile void *, std::size_t size) {
    live_bytes += size;
    if (live_bytes > peak_bytes)
        peak_bytes = live_bytes;
}

void on_free(const volatile void *p) {
    if (!p)
        return;
    const std::size_t size = __sanitizer_get_allocated_size(p);
    live_bytes = size < live_bytes ? live_bytes - size : 0;
}

// Decode `input` in pieces of `step` bytes; returns false and the reason where it is refused.
bool decode(Input input, std::size_t step, whet::Profile &profile, std::string &reason) {
    whet::Decoder decoder;
    const auto *data = reinterpret_cast<const std::uint8_t *>(input.data());
    try {
        for (std::size_t at = 0; at < input.size(); at += step)
            decoder.feed(data + at, std::min(step, input.size() - at));
        profile = decoder.finish();
    } catch (const whet::FormatError &error) {
        reason = error.message + " at " + std::to_string(error.offset);
        return false;
    }
    return true;
}

void check_memory(Input input) {
    // Growing columns are copied under sanitizers, hence the generous factor; a length that is
    // believed before its bytes are there goes far beyond it.
    constexpr std::size_t factor = 32, constant = std::size_t{1} << 16;
    if (peak_bytes > factor * input.size() + constant)
        violated("memory is bounded by the input");
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const Input input(reinterpret_cast<const char *>(data), size);
    whet::Profile whole, pieces;
    std::string reason, piece_reason;
    live_bytes = peak_bytes = 0;
    const bool accepted = decode(input, size ? size : 1, whole, reason);
    check_memory(input);
    const std::size_t step = size ? 1 + data[size / 2] % 61 : 1;
    if (decode(input, step, pieces, piece_reason) != accepted || reason != piece_reason)
        violated("cutting the input differently changes nothing");
    if (!accepted)
        return 0;
    const std::string once = whet::encode(whole);
    if (whet::encode(pieces) != once)
        violated("cutting the input differently changes nothing");
    whet::Profile again;
    if (!decode(once, once.size(), again, reason))
        violated("what is encoded can be decoded");
    if (whet::encode(again) != once)
        violated("decode then encode is the identity");
    return 0;
}
