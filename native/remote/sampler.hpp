// Samples the threads of another Python process.
//
// A stack that moves while it is copied becomes a lie that looks true. So each stack comes with a proof that
// its thread did not run meanwhile; what is not proved is read again, or left out and counted.
//
// Threads that wait prove it by the kernel's count of how often they were put on a CPU (the scout).
// Of those that run, only the holder of the GIL can change its stack. The looker binds itself to the CPU
// on which the holder runs: while the looker runs there, the holder does not, as with any other turn that
// the scheduler gives; nothing is stopped or traced. The same count, the GIL's holder and its count of
// switches prove it. Where the CPU is not ours to go to, several copies must be equal.
//
// The scout works on other CPUs, so that a process with many threads loses no more time than one with few.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <sched.h>
#include <string>
#include <vector>

#include "remote/codes.hpp"
#include "remote/counts.hpp"
#include "remote/kernel.hpp"
#include "remote/stack.hpp"
#include "remote/trail.hpp"

namespace whet::remote {

struct ThreadName {
    pid_t id;
    std::string name; // the kernel's
};

struct Statistics {
    uint64_t ticks = 0;                // looks at the process
    uint64_t proved = 0;               // looks at threads that run, with proof
    uint64_t unproved = 0;             // the same, equal copies and no proof
    uint64_t moved = 0;                // the same, but they could not be caught standing still: not counted
    uint64_t rejected = 0;             // stacks that could not be read: not counted
    uint64_t retries = 0, moves = 0;   // tries that were repeated, and times the sampler changed the CPU
    uint64_t own_cpu_ns = 0;           // of the scout and the looker
    uint64_t window_ns = 0;            // of it by the looker, nearly all on the CPU of the GIL's holder
    uint64_t slowed_ns = 0;            // by which periods were longer than asked for
    uint64_t run_ns = 0;               // of all threads, by their clocks
    uint64_t begin_ns = 0, end_ns = 0; // CLOCK_MONOTONIC of the first and the last look
};

enum class Ended { no, exited, unreadable };

class Sampler {
  public:
    Sampler(pid_t pid, uint64_t runtime, const Layout &layout);

    // Look once; false when the process is gone or cannot be read.
    bool look();
    // Look `rate_hz` times a second, at random moments of each period, until stop() or the end; more
    // seldom where looking would take more than `own_share` of a CPU, or more than `program_share` of one
    // from the program.
    void run(double rate_hz, double duration_s, double own_share, double program_share);
    void stop() { stopped_ = true; }

    Ended ended() const { return ended_; }
    Statistics statistics() const;
    // Everything below needs lock().
    std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }
    const std::vector<Code> &codes() const { return codes_.all(); }
    const Counts &counts() const { return counts_; }
    std::vector<ThreadName> names() const;
    // (thread, its node, its state) as the last look saw them.
    std::vector<Counts::Key> last() const;
    // CPU time of a thread, by its index, that no sample has told the place of.
    const std::map<int32_t, int64_t> &unseen() const { return pending_; }

  private:
    struct Thread {
        Thread(pid_t process, pid_t id) : id(id), task(process, id) {}
        pid_t id;
        Task task;
        int32_t index = 0;
        RunTimes times;    // now
        RunTimes read_at;  // before the stack was read
        char letter = 'R'; // then
        SystemCall call;
        int32_t node = -1;
        Trail trail;
        Footprint footprint; // of the last stack
        bool has_stack = false;
        bool is_current = false; // the stack is the one it had at read_at
        bool holds = false;      // the GIL
        uint64_t seen = 0;       // the tick at which it was there last
    };
    struct Reading {
        Thread *thread;
        ThreadCopy copy;
        Standing standing{};
        SystemCall call{};
        StackReading stack{};
    };
    struct Gil {
        uint64_t address = 0, holder = 0, switches = 0;
        uint32_t locked = 0;
        bool operator==(const Gil &) const = default;
    };
    struct Interpreter {
        uint64_t address = 0;
        std::vector<ThreadCopy> threads;
        Gil gil;
    };
    // What proves that the holder of the GIL did not run while stacks were read.
    struct Watch {
        Thread *holder = nullptr;
        Gil gil;
        RunTimes times;
        Standing standing;
        bool can_prove = false;
    };
    enum class Try { done, again, unreadable };

    bool look_here();
    bool tick(uint64_t now_ns);
    void forget_threads();
    bool read_interpreters();
    bool read_gil(const Interpreter &interpreter, Gil *to) const;
    bool read_threads(Interpreter *interpreter) const;
    bool walk_threads(Interpreter *interpreter, uint64_t first) const;
    Thread *thread(const ThreadCopy &copy);
    std::vector<Thread *> scout(const Interpreter &interpreter, std::vector<Reading> *running);
    bool read_waiting(Thread *thread, const ThreadCopy &copy);
    bool begin_watch(const Interpreter &interpreter, Watch *watch);
    bool end_watch(const Interpreter &interpreter, const Watch &watch) const;
    bool watch_running(Interpreter *interpreter, std::vector<Reading> *running);
    Try try_running(Interpreter *interpreter, std::vector<Reading> *running);
    bool read_again(std::vector<Reading> *running, const Watch &watch);
    void read_stack(Reading *reading);
    void commit(Reading *reading);
    void count(const Interpreter &interpreter, const std::vector<Thread *> &threads, int64_t wall_ns);
    State state(const Interpreter &interpreter, const Thread &thread) const;
    double taken_from_program_ns(uint64_t own_ns, uint64_t window_ns) const;
    void close_files();
    bool go_to(int cpu);

    Memory memory_;
    Layout at_;
    uint64_t runtime_;
    bool nested_;
    Codes codes_;
    StackCopier copier_;
    size_t thread_bytes_; // of a PyThreadState that are read
    Counts counts_;
    std::vector<Interpreter> interpreters_;
    std::map<std::pair<uint64_t, uint64_t>, std::unique_ptr<Thread>> threads_; // by address and inner id
    std::vector<ThreadName> names_;
    std::map<pid_t, int32_t> index_by_id_;
    std::map<int32_t, int64_t> pending_;
    std::map<int32_t, uint64_t> run_ns_;    // CPU time of a thread at the last look
    std::map<uint64_t, Thread *> by_state_; // the address of its PyThreadState
    Statistics statistics_;
    uint64_t last_ns_ = 0, good_ns_ = 0;
    size_t wanting_ = 0; // threads that waited for the GIL at the last look
    int cpu_ = -1;       // where the looker is bound to; -1: nowhere
    bool may_move_ = true;
    std::function<void(std::function<void()>)> as_looker_; // runs a function on the looker's thread
    std::atomic<bool> stopped_{false};
    std::atomic<Ended> ended_{Ended::no};
    mutable std::mutex mutex_;
};

} // namespace whet::remote
