// See difference.hpp.
#include "codec/difference.hpp"

#include <algorithm>

#include "codec/merge.hpp"

namespace whet {
namespace {

// What is to be taken off each sample, by value type: -1 or 0 times what it was.
std::vector<std::uint64_t> signs(const Profile &profile, const std::vector<std::string> &amounts) {
    std::vector<std::uint64_t> result;
    for (const ValueType &type : profile.sample_type) {
        bool is_amount =
            std::find(amounts.begin(), amounts.end(), profile.strings.view(type.type)) != amounts.end();
        result.push_back(is_amount ? 0 : ~std::uint64_t{0});
    }
    return result;
}

} // namespace

Profile difference(const Profile &later, Profile earlier, const std::vector<std::string> &amounts) {
    if (later.time_nanos != earlier.time_nanos || later.duration_nanos < earlier.duration_nanos)
        throw FormatError{"the profiles are not of one recording"};
    const std::vector<std::uint64_t> sign = signs(earlier, amounts);
    Column<std::int64_t> &past = earlier.samples.values;
    for (std::size_t i = 0; i < past.size(); ++i)
        past[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(past[i]) * sign[i % sign.size()]);
    earlier.comments.reset();
    Merger both;
    both.add(later);
    if (!both.add(earlier))
        throw FormatError{"the profiles have other value types"};
    Profile sums = both.take();
    sums.time_nanos = later.time_nanos + earlier.duration_nanos;
    sums.duration_nanos = later.duration_nanos - earlier.duration_nanos;
    Merger kept; // samples that became 0 are not taken again, nor are the places that only they name
    kept.add(sums);
    return kept.take();
}

} // namespace whet
