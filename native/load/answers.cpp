#include "load/answers.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace whet::load {

namespace {

constexpr size_t most_heads = 8;

} // namespace

void Heads::learn(Head head) {
    const auto is_same = [&](const Head &known) { return known.bytes == head.bytes; };
    if (std::any_of(known_.begin(), known_.end(), is_same))
        return;
    if (known_.size() < most_heads) {
        known_.push_back(std::move(head));
        return;
    }
    known_[oldest_] = std::move(head);
    oldest_ = (oldest_ + 1) % most_heads;
}

const Head *Heads::find(const char *data, size_t size) {
    const auto fits = [&](const Head &head) {
        return size >= head.bytes.size() && !memcmp(head.bytes.data(), data, head.bytes.size());
    };
    if (last_ < known_.size() && fits(known_[last_]))
        return &known_[last_];
    const auto found = std::find_if(known_.begin(), known_.end(), fits);
    if (found == known_.end())
        return nullptr;
    last_ = static_cast<size_t>(found - known_.begin());
    return &*found;
}

Reading Answer::take(Heads &heads, const char *data, size_t size) {
    int64_t expected = left;
    head = nullptr;
    if (!left) {
        const Head *found = heads.find(data, size);
        if (!found)
            return Reading::unknown;
        size -= found->bytes.size();
        if (size > static_cast<size_t>(found->body_bytes))
            return Reading::unknown;
        head = found;
        expected = found->body_bytes;
    }
    if (size > static_cast<size_t>(expected))
        return Reading::excess;
    left = expected - static_cast<int64_t>(size);
    return left ? Reading::more : Reading::complete;
}

} // namespace whet::load
