// OTLP profiles (opentelemetry-proto, profiles/v1development/profiles.proto, 1.10): writer only.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codec/profile.hpp"
#include "codec/writer.hpp"

namespace whet {

// A table of ProfilesDictionary: encoded messages, each of them once, the empty one first.
class OtlpTable {
  public:
    OtlpTable() { row({}); }
    std::uint64_t row(std::string message);
    void write(int field, Writer &out) const;

  private:
    std::unordered_map<std::string, std::uint64_t> rows_;
    std::vector<const std::string *> order_; // keys of rows_, which stay where they are
};

// Profiles that share a dictionary. OTLP knows one value type a profile: of each of ours come as many
// profiles as it has value types, without the samples whose value is 0.
class Otlp {
  public:
    // `id`: 16 bytes; the profiles' own ones follow from it.
    void add(const Profile &profile, std::string_view id);

    // Profile messages as field 2, the one of ScopeProfiles.
    const std::string &profiles() const { return profiles_.out; }
    // A ProfilesDictionary.
    std::string dictionary() const;

  private:
    struct Rows; // what the rows of a profile are in the dictionary

    std::uint64_t string(std::string_view text) { return strings_.row(std::string(text)); }
    std::string value_type(const Rows &rows, const ValueType &type) const;
    void mappings(const Profile &p, Rows &rows);
    void locations(const Profile &p, Rows &rows);
    void samples(const Profile &p, Rows &rows);
    std::uint64_t attribute(std::uint64_t key, const Writer &value, std::uint64_t unit);

    OtlpTable strings_, mappings_, functions_, locations_, stacks_, attributes_;
    Writer profiles_;
};

} // namespace whet
