// Fuzz target: what the unpacker makes of any bytes is what zlib makes of them, content and words
// alike, however the input is cut.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <zlib.h>

#include "codec/gunzip.hpp"
#include "fuzzing.hpp"

namespace {

constexpr std::size_t most_content = std::size_t{1} << 22; // bombs are somebody else's subject

struct Outcome {
    std::string content, error;
    bool operator==(const Outcome &) const = default;
};

Outcome ours(const std::uint8_t *data, std::size_t size, std::size_t step) {
    whet::Gunzip gunzip([&](std::uint8_t *to, std::size_t room) {
        const std::size_t n = std::min({step, room, size});
        std::copy_n(data, n, to);
        data += n;
        size -= n;
        return n;
    });
    Outcome outcome;
    try {
        for (;;) {
            const auto piece = gunzip.next();
            if (piece.empty() || outcome.content.size() > most_content)
                return outcome;
            outcome.content.append(reinterpret_cast<const char *>(piece.data()), piece.size());
        }
    } catch (const whet::FormatError &error) {
        outcome = {"", error.message};
    }
    return outcome;
}

// Members one after the other, zeros between them; as src/whet/kernels/reference/gzip.py.
Outcome theirs(const std::uint8_t *data, std::size_t size) {
    Outcome outcome;
    const std::uint8_t *const end = data + size;
    do {
        z_stream stream{};
        if (inflateInit2(&stream, 31) != Z_OK)
            std::abort();
        stream.next_in = const_cast<std::uint8_t *>(data);
        stream.avail_in = static_cast<unsigned>(end - data);
        int status = Z_OK;
        while (status == Z_OK && outcome.content.size() <= most_content) {
            std::uint8_t room[4096];
            stream.next_out = room;
            stream.avail_out = sizeof room;
            status = inflate(&stream, Z_NO_FLUSH);
            outcome.content.append(reinterpret_cast<char *>(room), sizeof room - stream.avail_out);
        }
        const std::string words = stream.msg ? stream.msg : "";
        data = stream.next_in;
        inflateEnd(&stream);
        if (outcome.content.size() > most_content)
            return outcome;
        if (status == Z_DATA_ERROR)
            return {"", "gzip stream is damaged (Error -3 while decompressing data: " + words + ")"};
        if (status != Z_STREAM_END)
            return {"", "gzip stream is cut off"};
        while (data != end && !*data)
            ++data;
    } while (data != end);
    return outcome;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const Outcome whole = ours(data, size, size ? size : 1);
    if (whole.content.size() > most_content)
        return 0;
    if (whole != theirs(data, size))
        violated("the content is that of zlib, and so are the words");
    if (whole != ours(data, size, size ? 1 + data[size / 2] % 61 : 1))
        violated("cutting the input differently changes nothing");
    return 0;
}
