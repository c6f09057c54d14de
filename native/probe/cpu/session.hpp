// One CPU recording: what its signal handler, the service thread, its ticker and its starter share.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <mutex>

#include "layout/layout.h"
#include "probe/common/collector.hpp"
#include "probe/common/own_stack.hpp"
#include "probe/common/own_threads.hpp"
#include "probe/cpu/aggregate.hpp"
#include "probe/cpu/sample_ring.hpp"
#include "probe/cpu/sampler.hpp"

namespace whet::probe {

// What the signal handler writes. Only additions, so relaxed atomics do.
struct HandlerCounters {
    std::atomic<uint64_t> signals{0}, dropped{0}, strangers{0}, unguarded{0};
    std::atomic<int64_t> handler_ns{0}, dropped_cpu_ns{0};
};

class Session final : public Collector {
  public:
    Session(const SamplerOptions &options, const whet_layout &layout, size_t ring_bytes);

    void drain() override;
    bool wants_python() override;
    void resolve() override;
    uint64_t position() const override { return ring.head(); }
    uint64_t resolved_until() const override { return resolved_until_; }
    void forget_code(uintptr_t code) override;
    bool start_threads() override;
    void end_threads() override;
    void before_fork() override;
    void after_fork_in_parent() override;
    void after_fork_in_child() override;

    SamplerOptions options;
    OwnStackWalker walker;
    SampleRing ring;
    HandlerCounters counters;
    std::atomic<bool> stopping{false};

    std::mutex mutex; // guards aggregate and the consumer end of the ring; see Locked
    Aggregate aggregate;

    OwnThread ticker;
    bool wants_ticker = false;
    std::atomic<int64_t> ticker_cpu_ns{0};

    struct sigaction signal_before{};
    int signal = 0;
    std::atomic<uint64_t> signal_changes{0};
    int64_t started_wall_ns = 0, started_mono_ns = 0, stopped_mono_ns = 0;
    int64_t started_cpu_ns = 0, stopped_cpu_ns = 0;
    double delivery_ns = 0; // of a signal, beside what the handler counts

  private:
    void watch_threads();
    void keep_signal();

    uint64_t resolved_until_ = 0; // under the GIL
    uint64_t drains_ = 0;         // of the service thread, as is the next
    uint64_t threads_seen_ = 0;
};

// The recording that runs, as signal handlers see it.
extern std::atomic<Session *> active_session;

} // namespace whet::probe
