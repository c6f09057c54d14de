// One CPU recording: what its signal handler, its own threads and its starter share.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "layout/layout.h"
#include "probe/aggregate.hpp"
#include "probe/sample_ring.hpp"
#include "probe/sampler.hpp"
#include "probe/stack_walk.hpp"

namespace whet::probe {

// What the signal handler writes. Only additions, so relaxed atomics do.
struct HandlerCounters {
    std::atomic<uint64_t> signals{0}, dropped{0}, strangers{0}, unguarded{0};
    std::atomic<int64_t> handler_ns{0}, dropped_cpu_ns{0};
};

struct Session {
    Session(const SamplerOptions &options, const whet_layout &layout, size_t ring_bytes);

    SamplerOptions options;
    StackWalker walker;
    SampleRing ring;
    uintptr_t main_interpreter;
    HandlerCounters counters;
    sem_t wake;
    std::atomic<bool> stopping{false};

    std::mutex mutex; // guards aggregate and the consumer end of the ring; see Locked
    Aggregate aggregate;

    pthread_t service{}, ticker{};
    bool has_service = false, has_ticker = false, wants_ticker = false;
    std::atomic<pid_t> service_tid{0}, ticker_tid{0};
    std::atomic<int64_t> service_cpu_ns{0}, ticker_cpu_ns{0};

    struct sigaction signal_before{};
    int signal = 0;
    std::atomic<uint64_t> signal_changes{0};
    int64_t started_wall_ns = 0, started_mono_ns = 0, stopped_mono_ns = 0;
    int64_t started_cpu_ns = 0, stopped_cpu_ns = 0;
};

// The recording that runs, as signal handlers see it.
extern std::atomic<Session *> active_session;

inline pid_t own_tid() { return static_cast<pid_t>(syscall(SYS_gettid)); }

} // namespace whet::probe
