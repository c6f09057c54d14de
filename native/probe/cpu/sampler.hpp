// The CPU sampler: a timer per thread on the thread's own CPU clock, and the interrupted thread
// walks its own stack in the signal handler (as Go's runtime does).
//
// The handler copies (code, instruction) pairs into a preallocated ring; it allocates nothing,
// locks nothing and calls no Python API that could. A service thread reads the ring, resolves
// names under the GIL and aggregates. Each sample is charged the CPU time its thread has used
// since its previous sample, so that a profile's total is the CPU time that was spent.
//
// The kernel looks at CPU timers only on its tick (often 250 Hz). For higher rates a ticker
// thread sends the same signal to the threads whose CPU clocks show that they are running.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whet::probe {

struct SamplerOptions {
    double rate_hz;
    uint32_t max_frames;

    int64_t period_ns() const { return static_cast<int64_t>(1e9 / rate_hz); }
};

// Start. Needs the GIL. Returns an empty string, or the reason why not.
std::string sampler_start(const SamplerOptions &options);
// Stop and put everything back. Needs the GIL (released while waiting). Idempotent; the samples
// stay readable until the next start.
void sampler_stop();
bool sampler_running();
// All samples so far as an uncompressed profile.proto message. Needs the GIL.
std::string sampler_profile(const std::vector<std::string> &comments);
// In a forked child: there is no recording.
void sampler_forget_after_fork();
// Counters by name; times in ns.
std::map<std::string, double> sampler_statistics();

} // namespace whet::probe
