// See difference.hpp.
#include "codec/difference.hpp"

#include "codec/merge.hpp"

namespace whet {

Profile difference(const Profile &later, Profile earlier) {
    if (later.time_nanos != earlier.time_nanos || later.duration_nanos < earlier.duration_nanos)
        throw FormatError{"the profiles are not of one recording"};
    Column<std::int64_t> &past = earlier.samples.values;
    for (std::size_t i = 0; i < past.size(); ++i)
        past[i] = static_cast<std::int64_t>(-static_cast<std::uint64_t>(past[i]));
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
