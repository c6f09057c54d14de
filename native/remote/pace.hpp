// When the next look is due: as often as asked for, unless looking would cost more than it may.
#pragma once

#include <algorithm>
#include <cstdint>

namespace whet::remote {

class Pace {
  public:
    // `own_share` is what looking may take of a CPU, `program_share` what it may take of one from the
    // program.
    Pace(double rate_hz, double own_share, double program_share)
        : asked_ns_(1e9 / rate_hz), own_share_(own_share), program_share_(program_share) {}

    // Learn what a look has cost. The first one, which meets everything for the first time, tells nothing.
    void cost(double own_ns, double taken_ns) {
        if (looks_++ == 0)
            return;
        double part = looks_ == 2 ? 1.0 : RECENT;
        own_ns_ += part * (own_ns - own_ns_);
        taken_ns_ += part * (taken_ns - taken_ns_);
    }

    double asked_ns() const { return asked_ns_; }
    double period_ns() const {
        return std::clamp(std::max(own_ns_ / own_share_, taken_ns_ / program_share_), asked_ns_,
                          std::max(asked_ns_, MOST_NS));
    }

  private:
    static constexpr double RECENT = 1.0 / 16; // of the last look in the mean
    static constexpr double MOST_NS = 5e9;

    double asked_ns_, own_share_, program_share_;
    double own_ns_ = 0, taken_ns_ = 0;
    uint64_t looks_ = 0;
};

} // namespace whet::remote
