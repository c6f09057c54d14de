#include "remote/trail.hpp"

#include <algorithm>
#include <unordered_map>

namespace whet::remote {

size_t Trail::shared(const std::vector<Frame> &leaf_first) const {
    size_t most = std::min(frames_.size(), leaf_first.size()), same = 0;
    while (same < most && frames_[same] == leaf_first[leaf_first.size() - 1 - same])
        ++same;
    return same;
}

// Those of the shared frames are known; each of the others is listed where it shows first.
void Trail::list_uses(size_t shared, StackReading *reading) const {
    auto fresh = std::lower_bound(uses_.begin(), uses_.end(), shared,
                                  [](const CodeUse &use, size_t frame) { return use.first < frame; });
    reading->shared = shared;
    reading->uses.assign(uses_.begin(), fresh);
    reading->use.clear();
    std::unordered_map<uint64_t, uint32_t> found;
    reading->use.reserve(reading->frames.size() - shared);
    for (size_t frame = shared; frame < reading->frames.size(); ++frame) {
        uint64_t address = reading->frames[reading->frames.size() - 1 - frame].code;
        // Recursion is the common reason for many frames.
        if (!reading->use.empty() && reading->uses[reading->use.back()].address == address) {
            reading->use.push_back(reading->use.back());
            continue;
        }
        auto [slot, is_new] = found.emplace(address, static_cast<uint32_t>(reading->uses.size()));
        if (is_new)
            reading->uses.push_back({address, frame});
        reading->use.push_back(slot->second);
    }
}

void Trail::read_codes(Codes *codes, StackReading *reading) const {
    size_t known = reading->is_good ? shared(reading->frames) : 0;
    for (bool is_stale = true; reading->is_good && is_stale; known = 0) {
        list_uses(known, reading);
        std::vector<uint64_t> addresses;
        for (const CodeUse &use : reading->uses)
            addresses.push_back(use.address);
        reading->is_good = codes->read(addresses, &reading->codes);
        is_stale = false;
        for (size_t i = 0; reading->is_good && i < reading->uses.size(); ++i)
            is_stale = is_stale ||
                       (reading->uses[i].number >= 0 && reading->uses[i].number != reading->codes[i].number);
    }
}

int32_t Trail::node(Codes *codes, Counts *counts, StackReading *reading) {
    for (size_t i = 0; i < reading->uses.size(); ++i)
        reading->uses[i].number = codes->number(reading->uses[i].address, &reading->codes[i]);
    frames_.resize(reading->shared);
    nodes_.resize(reading->shared);
    int32_t node = nodes_.empty() ? -1 : nodes_.back();
    for (uint32_t index : reading->use) {
        const Frame &frame = reading->frames[reading->frames.size() - 1 - frames_.size()];
        int32_t code = reading->uses[index].number;
        node = counts->node(node, code, codes->line(code, frame.offset));
        frames_.push_back(frame);
        nodes_.push_back(node);
    }
    uses_ = std::move(reading->uses);
    return node;
}

} // namespace whet::remote
