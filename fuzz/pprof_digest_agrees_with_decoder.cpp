// Fuzz target: a digest refuses what the decoder refuses and sums up what the decoder's columns
// say; merging a profile with itself doubles every sum.
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "codec/digest.hpp"
#include "codec/merge.hpp"
#include "fuzzing.hpp"

namespace {

using whet::Profile;

// Samples without a stack are in no node.
std::uint64_t sum_of_stacks(const Profile &p, std::size_t column) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < p.samples.size(); ++i)
        if (p.samples.stack_start[i] != p.samples.stack_start[i + 1])
            sum += static_cast<std::uint64_t>(p.samples.values[i * p.sample_type.size() + column]);
    return sum;
}

void check_merging(const Profile &profile) {
    whet::Merger merger;
    if (!merger.add(profile) || !merger.add(profile))
        violated("a profile fits itself");
    const Profile twice = merger.take();
    for (std::size_t column = 0; column < profile.sample_type.size(); ++column)
        if (sum_of_column(twice, column) != 2 * sum_of_column(profile, column))
            violated("merging a profile with itself doubles its values");
    if (twice.samples.size() > profile.samples.size() || twice.locations.size() > profile.locations.size())
        violated("merging a profile with itself adds no rows");
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    Profile whole, tables;
    const bool accepted = decode(data, size, {}, whole);
    if (!decode(data, size, {.samples = false, .places = false}, tables)) {
        if (accepted)
            violated("tables are refused only with the whole");
        return 0;
    }
    if (accepted)
        check_merging(whole);
    if (tables.sample_type.empty())
        return 0;
    const auto digest = std::make_shared<whet::Digest>(std::move(tables));
    const std::size_t types = digest->profile().sample_type.size();
    for (std::size_t column = 0; column < (types < 2 ? types : 2); ++column) {
        try {
            const whet::NodeSums sums({{digest, false}, {digest, column == 1}}, column);
            if (!accepted)
                violated("the digest refuses what the decoder refuses");
            const std::uint64_t flat = column == 1 ? 0 : 2 * sum_of_stacks(whole, column);
            if (static_cast<std::uint64_t>(sums.flat_total()) != flat)
                violated("flat values are the values of all stacks");
            std::vector<std::int32_t> shown;
            for (const whet::NodeSums::Row &row : sums.rows(0))
                shown.push_back(row.node);
            for (const whet::NodeSums::Call &call : sums.calls(shown, size % 2 != 0, 0))
                if (static_cast<std::size_t>(call.callee) >= sums.node_count())
                    violated("calls are of nodes");
        } catch (const whet::FormatError &) {
            if (accepted)
                violated("the digest refuses nothing else");
        }
    }
    return 0;
}
