// See join.hpp. Each profile gets the value types of all, with zeros; then they are merged.
#include "codec/join.hpp"

#include <string_view>

#include "codec/merge.hpp"

namespace whet {
namespace {

struct Source {
    std::size_t profile, column; // where it comes from
    std::string name, unit;
};

// The profile's values among those of all `columns`.
void widen(Profile &p, std::size_t number, const std::vector<Source> &columns) {
    const std::size_t old = p.sample_type.size();
    Column<std::int64_t> values;
    for (std::size_t i = 0; i < p.samples.size(); ++i)
        for (const Source &column : columns)
            values.push_back(column.profile == number ? p.samples.values[i * old + column.column] : 0);
    p.samples.values = std::move(values);
    p.sample_type.clear();
    for (const Source &column : columns)
        p.sample_type.push_back({p.strings.add(column.name), p.strings.add(column.unit)});
}

} // namespace

Profile join(std::vector<Profile> profiles, const std::map<std::string, std::string> &names) {
    std::vector<Source> columns;
    for (std::size_t number = 0; number < profiles.size(); ++number) {
        const Profile &p = profiles[number];
        for (std::size_t column = 0; column < p.sample_type.size(); ++column) {
            const auto name = names.find(std::string(p.strings.view(p.sample_type[column].type)));
            if (name != names.end())
                columns.push_back(
                    {number, column, name->second, std::string(p.strings.view(p.sample_type[column].unit))});
        }
    }
    Merger all;
    for (std::size_t number = 0; number < profiles.size(); ++number) {
        Profile &p = profiles[number];
        widen(p, number, columns);
        p.default_sample_type = 0;
        if (number) {
            const Profile &first = profiles[0];
            p.period_type.reset();
            if (first.period_type)
                p.period_type = ValueType{p.strings.add(first.strings.view(first.period_type->type)),
                                          p.strings.add(first.strings.view(first.period_type->unit))};
        }
        all.add(p);
    }
    Profile joined = all.take();
    if (!profiles.empty()) {
        joined.time_nanos = profiles[0].time_nanos;
        joined.duration_nanos = profiles[0].duration_nanos;
        joined.period = profiles[0].period;
    }
    return joined;
}

} // namespace whet
