// Fuzz target: the OTLP profiles made of a profile have its values, type by type, and refer to rows of the
// dictionary that are there.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/otlp.hpp"
#include "fuzzing.hpp"

namespace {

namespace wire = whet::wire;

// Fields of opentelemetry-proto, profiles/v1development/profiles.proto.
enum Field : std::uint64_t {
    scope_profiles = 2,  // of ScopeProfiles
    profile_samples = 2, // of Profile
    sample_stack = 1,
    sample_attribute = 2,
    sample_value = 4,
};
constexpr int dictionary_tables = 7, attribute_table = 6, stack_table = 7;

wire::Span span(std::string_view bytes) {
    const auto *begin = reinterpret_cast<const std::uint8_t *>(bytes.data());
    return {begin, begin + bytes.size(), 0};
}

std::vector<std::size_t> table_sizes(const std::string &dictionary) {
    std::vector<std::size_t> sizes(dictionary_tables + 1);
    wire::each_field(span(dictionary), [&](const wire::Field &row) {
        if (row.number < 1 || row.number > dictionary_tables || row.type != wire::bytes_type)
            violated("a dictionary has its tables and nothing else");
        ++sizes[row.number];
    });
    return sizes;
}

// The sum of a Profile's values; its samples refer to the tables.
std::uint64_t sum_of_profile(const wire::Span &profile, const std::vector<std::size_t> &sizes) {
    std::uint64_t sum = 0;
    wire::each_field(profile, [&](const wire::Field &field) {
        if (field.number != profile_samples)
            return;
        wire::each_field(field.content, [&](const wire::Field &of_sample) {
            if (of_sample.number == sample_stack && of_sample.value >= sizes[stack_table])
                violated("samples refer to stacks");
            if (of_sample.number == sample_attribute && of_sample.value >= sizes[attribute_table])
                violated("samples refer to attributes");
            if (of_sample.number == sample_value)
                sum += of_sample.value;
        });
    });
    return sum;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    whet::Profile profile;
    if (!decode(data, size, {}, profile))
        return 0;
    whet::Otlp otlp;
    otlp.add(profile, std::string(16, '\1'));
    const std::vector<std::size_t> sizes = table_sizes(otlp.dictionary());
    const std::size_t types = profile.sample_type.size();
    std::size_t type = 0;
    wire::each_field(span(otlp.profiles()), [&](const wire::Field &field) {
        if (field.number != scope_profiles || type >= types)
            violated("there are as many profiles as value types");
        if (sum_of_profile(field.content, sizes) != sum_of_column(profile, type))
            violated("each profile has the values of its type");
        ++type;
    });
    if (type != types)
        violated("there are as many profiles as value types");
    return 0;
}
