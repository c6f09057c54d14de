// A small driver for compilers without libFuzzer: mutates seeds at random, without coverage.
//
// Usage: TARGET [-runs=N] [-seed=N] [-max_len=N] SEED_DIR. Understands the libFuzzer options that
// the Makefile gives, ignores others. A crashing input is left in ./crash-input.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerInitialize(int *, char ***);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *, std::size_t);

namespace {

using Bytes = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

std::vector<Bytes> read_seeds(const std::string &folder) {
    std::vector<Bytes> seeds;
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
        std::ifstream in(entry.path(), std::ios::binary);
        seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return seeds;
}

void mutate_once(Bytes &bytes, const Bytes &other, Random &random) {
    static const std::uint8_t edges[] = {0, 1, 2, 0x7F, 0x80, 0xFF, 0x0A, 0x12, 0x1A, 0x22, 0x32};
    const std::size_t at = bytes.empty() ? 0 : random() % bytes.size();
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random() % 6) {
    case 0:
        if (!bytes.empty())
            bytes[at] ^= static_cast<std::uint8_t>(1u << random() % 8);
        break;
    case 1:
        if (!bytes.empty())
            bytes[at] = edges[random() % std::size(edges)];
        break;
    case 2:
        bytes.insert(place, static_cast<std::uint8_t>(random()));
        break;
    case 3:
        if (!bytes.empty())
            bytes.erase(place, place + 1 + random() % std::min<std::size_t>(8, bytes.size() - at));
        break;
    case 4:
        bytes.resize(at);
        break;
    default:
        if (!other.empty()) {
            const std::size_t from = random() % other.size();
            const std::size_t count = 1 + random() % std::min<std::size_t>(64, other.size() - from);
            bytes.insert(place, other.begin() + static_cast<std::ptrdiff_t>(from),
                         other.begin() + static_cast<std::ptrdiff_t>(from + count));
        }
    }
}

long option(int argc, char **argv, const std::string &name, long fallback) {
    for (int i = 1; i < argc; ++i)
        if (std::string(argv[i]).rfind(name + "=", 0) == 0)
            return std::atol(argv[i] + name.size() + 1);
    return fallback;
}

} // namespace

int main(int argc, char **argv) {
    const long runs = option(argc, argv, "-runs", 1000000);
    const auto max_len = static_cast<std::size_t>(option(argc, argv, "-max_len", 1024));
    Random random(static_cast<std::uint64_t>(option(argc, argv, "-seed", 1)));
    const std::vector<Bytes> seeds = read_seeds(argv[argc - 1]);
    if (seeds.empty()) {
        std::fprintf(stderr, "no seeds in %s\n", argv[argc - 1]);
        return 2;
    }
    LLVMFuzzerInitialize(&argc, &argv);
    for (long run = 0; run < runs; ++run) {
        Bytes bytes = seeds[random() % seeds.size()];
        const Bytes &other = seeds[random() % seeds.size()];
        for (auto n = random() % 8; n-- > 0;)
            mutate_once(bytes, other, random);
        if (bytes.size() > max_len)
            bytes.resize(max_len);
        // Written before the run: a crash leaves the evidence.
        if (std::getenv("WHET_FUZZ_TRACE"))
            std::ofstream("crash-input", std::ios::binary)
                .write(reinterpret_cast<const char *>(bytes.data()),
                       static_cast<std::streamsize>(bytes.size()));
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    std::fprintf(stderr, "%ld executions, no violation\n", runs);
    return 0;
}
