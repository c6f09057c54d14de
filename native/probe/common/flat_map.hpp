// FlatMap: 64-bit keys to 32-bit values, open addressing, 12 bytes a slot.
//
// For tables that grow with what a program does, some inside allocator hooks: each byte counts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "probe/common/own_memory.hpp"

namespace whet::probe {

class FlatMap {
  public:
    static constexpr uint32_t NONE = UINT32_MAX;

    // The value, or NONE. No key is UINT64_MAX.
    uint32_t find(uint64_t key) const {
        if (keys_.empty())
            return NONE;
        for (size_t i = home(key);; i = (i + 1) & mask()) {
            if (keys_[i] == key)
                return values_[i];
            if (keys_[i] == EMPTY)
                return NONE;
        }
    }

    // Set the value, new or not; NONE is as good as removed. Only a new key may need memory.
    void put(uint64_t key, uint32_t value) {
        if (keys_.empty())
            grow();
        size_t i = place_of(key);
        if (keys_[i] == EMPTY) {
            if (4 * (used_ + 1) > 3 * keys_.size()) {
                grow();
                i = place_of(key);
            }
            ++used_;
            keys_[i] = key;
        }
        values_[i] = value;
    }

    template <class Visit> void each(Visit visit) const {
        for (size_t i = 0; i < keys_.size(); ++i)
            if (keys_[i] != EMPTY && values_[i] != NONE)
                visit(keys_[i], values_[i]);
    }

    void clear() {
        keys_ = {};
        values_ = {};
        used_ = 0;
    }

    size_t bytes() const { return keys_.size() * (sizeof(uint64_t) + sizeof(uint32_t)); }

  private:
    static constexpr uint64_t EMPTY = UINT64_MAX;

    size_t mask() const { return keys_.size() - 1; }
    size_t home(uint64_t key) const {
        key ^= key >> 32;
        key *= 0x9E3779B97F4A7C15ULL;
        return (key >> 20) & mask();
    }

    // Where it is, or a free place.
    size_t place_of(uint64_t key) const {
        size_t i = home(key);
        while (keys_[i] != EMPTY && keys_[i] != key)
            i = (i + 1) & mask();
        return i;
    }

    void grow() {
        OwnVector<uint64_t> keys(keys_.empty() ? 64 : 2 * keys_.size(), EMPTY);
        OwnVector<uint32_t> values(keys.size());
        keys.swap(keys_);
        values.swap(values_);
        used_ = 0;
        for (size_t i = 0; i < keys.size(); ++i)
            if (keys[i] != EMPTY && values[i] != NONE)
                put(keys[i], values[i]);
    }

    OwnVector<uint64_t> keys_;
    OwnVector<uint32_t> values_;
    size_t used_ = 0;
};

} // namespace whet::probe
