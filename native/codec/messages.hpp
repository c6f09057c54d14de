// The messages of profile.proto, one method each: from a message in memory to rows of columns.
#pragma once

#include <cstdint>

#include "codec/ids.hpp"
#include "codec/profile.hpp"
#include "codec/wire.hpp"

namespace whet {

// Python's lists hold these; the limits keep hostile input from filling them.
constexpr std::size_t max_sample_types = std::size_t{1} << 16;
constexpr std::size_t max_comments = std::size_t{1} << 16;

// A Profile under construction. Stacks, mappings and line functions hold pending ids until
// `resolve`, because the tables they point into may come later.
class Messages {
  public:
    explicit Messages(Needs needs) : needs_(needs) {}

    // Is `number` a field of Profile whose content is a message (read by `message`)?
    static bool is_message(std::uint64_t number) { return (number >= 1 && number <= 5) || number == 11; }
    void message(std::uint64_t number, std::uint64_t key_offset, wire::Span body);

    // A varint field of Profile; unknown ones are ignored.
    void number(const wire::Field &field);
    // The packed form of Profile.comment.
    void comments(wire::Span body, std::uint64_t key_offset);

    // string_table: one call begin_string, any number of string_bytes, one call end_string.
    bool has_strings() const { return has_strings_; }
    void string_bytes(const std::uint8_t *data, std::size_t size);
    void end_string();

    // Check what needs the whole input and turn ids into rows.
    Profile resolve();

  private:
    ValueType value_type(wire::Span body);
    void sample(std::uint64_t key_offset, wire::Span body);
    void label(wire::Span body);
    void mapping(std::uint64_t key_offset, wire::Span body);
    void location(std::uint64_t key_offset, wire::Span body);
    void line(std::uint64_t key_offset, wire::Span body);
    void function(std::uint64_t key_offset, wire::Span body);
    void comment(std::uint64_t value, std::uint64_t offset);
    void add_id(const char *kind, Column<std::uint64_t> &ids, IdIndex &index, std::uint64_t id,
                std::uint64_t key_offset);
    void resolve_stacks();
    void resolve_mappings();
    void resolve_functions();
    void check_strings() const;

    Needs needs_;
    Profile p_;
    std::uint64_t width_ = 0; // values of each sample; 0 = no sample yet
    bool has_strings_ = false;
    PendingIds locations_wanted_, mappings_wanted_, functions_wanted_;
    IdIndex location_rows_, mapping_rows_, function_rows_;
};

} // namespace whet
