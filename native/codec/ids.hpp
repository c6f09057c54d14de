// Ids of the wire format <-> row numbers, with memory bounded by what was really read.
//
// Ids are usually 1..n in order, but may be any 64-bit numbers (hashes).
#pragma once

#include <cstdint>

#include "codec/column.hpp"

namespace whet {

// Spread a 64-bit key over all bits (the finalizer of splitmix64).
inline std::uint64_t mix64(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

// Finds the row of an id in a table's id column: by a direct index while ids are about as large
// as the table, by hashing from the first id on that is not.
class IdIndex {
  public:
    // Add the id that was just appended to `ids`; returns false if it is there already.
    bool add(const Column<std::uint64_t> &ids) {
        const std::uint64_t id = ids.back();
        const std::size_t count = ids.size();
        if (!hashed_ && id > 2 * count + slack)
            hash_all(ids, count - 1);
        if (!hashed_) {
            if (id >= slots_.size())
                slots_.resize(static_cast<std::size_t>(id) + 1);
            if (slots_[id])
                return false;
            slots_[id] = static_cast<std::uint32_t>(count);
            return true;
        }
        if (find(ids, id) >= 0)
            return false;
        if (4 * count > 3 * slots_.size())
            hash_all(ids, count);
        else
            place(id, count - 1);
        return true;
    }

    // Return the row of an id, -1 where there is none.
    std::int32_t find(const Column<std::uint64_t> &ids, std::uint64_t id) const {
        if (!hashed_)
            return id < slots_.size() ? static_cast<std::int32_t>(slots_[id]) - 1 : -1;
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t i = mix64(id) & mask; slots_[i]; i = (i + 1) & mask)
            if (ids[slots_[i] - 1] == id)
                return static_cast<std::int32_t>(slots_[i]) - 1;
        return -1;
    }

  private:
    static constexpr std::uint64_t slack = 1024;

    void hash_all(const Column<std::uint64_t> &ids, std::size_t count) {
        std::size_t size = 64;
        while (size < 2 * (count + 1))
            size *= 2;
        slots_.reset();
        slots_.resize(size);
        hashed_ = true;
        for (std::size_t row = 0; row < count; ++row)
            place(ids[row], row);
    }

    void place(std::uint64_t id, std::size_t row) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = mix64(id) & mask;
        while (slots_[i])
            i = (i + 1) & mask;
        slots_[i] = static_cast<std::uint32_t>(row + 1);
    }

    Column<std::uint32_t> slots_; // row + 1; 0 = free
    bool hashed_ = false;
};

// Keeps references to ids in 32 bits until the table they point into is known.
//
// Small ids stand for themselves; each large one gets a number of its own from 2^31 on.
class PendingIds {
  public:
    std::int32_t pack(std::uint64_t id) {
        if (id < large_from)
            return static_cast<std::int32_t>(id);
        large_.push_back(id);
        if (index_.add(large_))
            return packed(large_.size() - 1);
        large_.pop_back();
        return packed(static_cast<std::size_t>(index_.find(large_, id)));
    }

    std::uint64_t id(std::int32_t pending) const {
        const auto number = static_cast<std::uint32_t>(pending);
        return number < large_from ? number : large_[number - large_from];
    }

  private:
    static constexpr std::uint32_t large_from = std::uint32_t{1} << 31;

    static std::int32_t packed(std::size_t place) {
        return static_cast<std::int32_t>(large_from + static_cast<std::uint32_t>(place));
    }

    Column<std::uint64_t> large_;
    IdIndex index_;
};

// Open-addressing index from (a, b), both >= 0, to consecutive numbers in order of insertion.
class PairIndex {
  public:
    PairIndex() { slots_.resize(1024); }

    // Return the number of the pair; `fresh` says whether it is new.
    std::uint32_t number(std::uint32_t a, std::uint32_t b, bool &fresh) {
        const std::uint64_t key = std::uint64_t{a} << 32 | b;
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = mix64(key) & mask;
        while (slots_[i]) {
            if (keys_[slots_[i] - 1] == key) {
                fresh = false;
                return slots_[i] - 1;
            }
            i = (i + 1) & mask;
        }
        fresh = true;
        keys_.push_back(key);
        slots_[i] = static_cast<std::uint32_t>(keys_.size());
        if (2 * keys_.size() > slots_.size())
            grow();
        return static_cast<std::uint32_t>(keys_.size() - 1);
    }
    const Column<std::uint64_t> &keys() const { return keys_; }

  private:
    void grow() {
        const std::size_t size = 2 * slots_.size(), mask = size - 1;
        slots_.reset();
        slots_.resize(size);
        for (std::size_t k = 0; k < keys_.size(); ++k) {
            std::size_t i = mix64(keys_[k]) & mask;
            while (slots_[i])
                i = (i + 1) & mask;
            slots_[i] = static_cast<std::uint32_t>(k + 1);
        }
    }

    Column<std::uint64_t> keys_;
    Column<std::uint32_t> slots_; // number + 1; 0 = free
};

} // namespace whet
