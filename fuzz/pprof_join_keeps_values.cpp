// Fuzz target: a profile joined with itself has each value type twice, with the profile's sums; can be
// encoded; and has no more samples than both had.
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "codec/join.hpp"
#include "fuzzing.hpp"

using whet::Profile;

extern "C" int LLVMFuzzerInitialize(int *, char ***) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    std::vector<Profile> both(2);
    Profile alone;
    for (Profile *profile : {&both[0], &both[1], &alone})
        if (!decode(data, size, {}, *profile))
            return 0;
    // Some types are left out, as the input says.
    std::map<std::string, std::string> names;
    for (std::size_t i = 0; i < alone.sample_type.size(); ++i)
        if (!(data[i % size] & 1))
            names.emplace(alone.strings.view(alone.sample_type[i].type), "type " + std::to_string(i));
    std::vector<std::uint64_t> sums;
    for (int copy = 0; copy < 2; ++copy)
        for (std::size_t i = 0; i < alone.sample_type.size(); ++i)
            if (names.contains(std::string(alone.strings.view(alone.sample_type[i].type))))
                sums.push_back(sum_of_column(alone, i));
    const Profile joined = whet::join(std::move(both), names);
    if (joined.sample_type.size() != sums.size())
        violated("the types are those that have names, of each profile");
    for (std::size_t i = 0; i < sums.size(); ++i)
        if (sum_of_column(joined, i) != sums[i])
            violated("each type has the sum that it had");
    if (joined.samples.size() > alone.samples.size())
        violated("the same samples are in it once");
    const std::string encoded = whet::encode(joined);
    Profile again;
    if (!decode(reinterpret_cast<const std::uint8_t *>(encoded.data()), encoded.size(), {}, again))
        violated("what is joined can be written and read");
    return 0;
}
