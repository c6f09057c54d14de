// One off-CPU recording, as the service thread and its starter share it.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "layout/layout.h"
#include "probe/common/collector.hpp"
#include "probe/waits/blocking_record.hpp"
#include "probe/waits/blocking_table.hpp"

namespace whet::probe {

class BlockingSession final : public Collector {
  public:
    BlockingSession(const whet_layout &layout, int64_t threshold_ns);

    void drain() override;
    bool wants_python() override;
    void resolve() override;
    uint64_t position() const override;
    uint64_t resolved_until() const override { return resolved_until_; }
    void forget_code(uintptr_t code) override;
    void after_fork_in_child() override;

    // With the GIL: take up the waits that are running now.
    void look_at_running();
    // With the GIL: what threads did with their time until now, or until the recording ended.
    ThreadRows threads();
    // At its end, when all is resolved: what the threads that have not ended did.
    void keep_threads(const std::vector<LivingThread> &living);

    const whet_layout &layout;
    const int64_t threshold_ns;
    int64_t started_wall_ns = 0, started_mono_ns = 0, stopped_mono_ns = 0;
    double call_ns = 0; // cost of a redirected call that does not block

    std::mutex mutex; // guards table; see Locked
    BlockingTable table;

  private:
    void take_log();
    void resolve_taken(uint64_t resolved_before);
    ThreadRows rows_of(const std::vector<LivingThread> &living);
    bool unnamed_threads() const;

    std::vector<uint64_t> taken_;
    ThreadRows kept_;
    bool keeps_threads_ = false;
    uint64_t resolved_until_;
    uint64_t drains_ = 0;
};

// In a forked child: the parent's recording is none of ours.
void blocking_forget_after_fork();

} // namespace whet::probe
