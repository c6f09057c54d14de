// When the next look is due: as often as asked for, unless looking would cost more than it may.
#pragma once

#include <algorithm>
#include <cstdint>

namespace whet::remote {

class Pace {
  public:
    // `own_share` is what looking may take of a CPU, `window_share` what it may take of the CPU of the
    // GIL's holder.
    Pace(double rate_hz, double own_share, double window_share)
        : asked_ns_(1e9 / rate_hz), own_share_(own_share), window_share_(window_share) {}

    // Learn what a look has cost. The first one, which meets everything for the first time, tells nothing.
    void cost(uint64_t own_ns, uint64_t window_ns) {
        if (looks_++ == 0)
            return;
        double part = looks_ == 2 ? 1.0 : RECENT;
        own_ns_ += part * (static_cast<double>(own_ns) - own_ns_);
        window_ns_ += part * (static_cast<double>(window_ns) - window_ns_);
    }

    double asked_ns() const { return asked_ns_; }
    double period_ns() const {
        return std::clamp(std::max(own_ns_ / own_share_, window_ns_ / window_share_), asked_ns_,
                          std::max(asked_ns_, MOST_NS));
    }

  private:
    static constexpr double RECENT = 1.0 / 16; // of the last look in the mean
    static constexpr double MOST_NS = 5e9;

    double asked_ns_, own_share_, window_share_;
    double own_ns_ = 0, window_ns_ = 0;
    uint64_t looks_ = 0;
};

} // namespace whet::remote
