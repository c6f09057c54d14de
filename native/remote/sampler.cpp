#include "remote/sampler.hpp"

#include "remote/pace.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <random>
#include <sched.h>
#include <semaphore.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace whet::remote {
namespace {

constexpr int TRIES = 8, SHORT_TRIES = 2;
constexpr int EQUAL_COPIES = 4; // of a stack that is not proved
constexpr size_t MOST_THREADS = 100'000, MOST_INTERPRETERS = 1000;
constexpr uint64_t PATIENCE_NS = 1'000'000'000; // how long nothing need be readable before we give up
// Of the GIL's condition variable, its mutex and those of forced switches, which follow each other.
constexpr uint64_t GIL_BYTES = 176;
#if defined(__x86_64__)
constexpr long FUTEX = 202;
#else
constexpr long FUTEX = 98;
#endif

uint64_t clock_ns(clockid_t clock) {
    timespec time;
    clock_gettime(clock, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

void sleep_until(uint64_t monotonic_ns) {
    timespec time{static_cast<time_t>(monotonic_ns / 1'000'000'000),
                  static_cast<long>(monotonic_ns % 1'000'000'000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR)
        continue;
}

constexpr uint64_t SHORT_SLICE_NS = 100'000, LONG_SLICE_NS = 20'000'000;

// How long the calling thread means to run when it has got a CPU.
void ask_for_slice(uint64_t slice_ns) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes{48, SCHED_OTHER, 0, getpriority(PRIO_PROCESS, 0), 0, slice_ns, 0, 0};
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}

// Ask for short slices and, where that is allowed, a better place in the queue: who asks for little gets
// it soon, and a look that comes late is a look at another moment. Refusal costs nothing but that.
void ask_for_prompt_wakeups() {
    ask_for_slice(SHORT_SLICE_NS);
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), -10);
}

// The CPUs that the calling thread may use, put back at the end.
class KeptAffinity {
  public:
    KeptAffinity() : is_known_(sched_getaffinity(0, sizeof before_, &before_) == 0) {}
    ~KeptAffinity() {
        if (is_known_)
            sched_setaffinity(0, sizeof before_, &before_);
    }
    KeptAffinity(const KeptAffinity &) = delete;
    KeptAffinity &operator=(const KeptAffinity &) = delete;

  private:
    cpu_set_t before_{};
    bool is_known_;
};

size_t usable_cpus() {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<size_t>(CPU_COUNT(&set)) : 1;
}

} // namespace

Sampler::Sampler(pid_t pid, uint64_t runtime, const Layout &layout)
    : memory_(pid), at_(layout), runtime_(runtime), nested_(in_inner_namespace(pid)), codes_(memory_, at_),
      copier_(memory_, at_),
      thread_bytes_(8 + std::max({at_.thread_next, at_.thread_native_id, at_.thread_chunk,
                                  at_.thread_chunk_top, at_.thread_frame})) {
    if (thread_bytes_ > THREAD_BYTES)
        throw std::invalid_argument("a thread state of impossible size");
}

// ---- what there is ------------------------------------------------------------------------------

// The interpreters of the last look are read together; if they are a chain no longer, it is walked.
bool Sampler::read_interpreters() {
    uint64_t at = 0;
    std::vector<uint64_t> next(interpreters_.size());
    std::vector<Piece> pieces{{runtime_ + at_.runtime_interpreters, sizeof at, &at}};
    for (size_t i = 0; i < next.size(); ++i)
        pieces.push_back({interpreters_[i].address + at_.interpreter_next, sizeof next[i], &next[i]});
    bool is_chain = memory_.read_all(pieces);
    uint64_t expected = at;
    for (size_t i = 0; i < next.size(); ++i) {
        is_chain = is_chain && interpreters_[i].address == expected;
        expected = next[i];
    }
    if (is_chain && !expected)
        return true;
    interpreters_.clear();
    if (!memory_.word(runtime_ + at_.runtime_interpreters, &at))
        return false;
    while (at && interpreters_.size() < MOST_INTERPRETERS) {
        interpreters_.push_back({at, {}, {}});
        if (!memory_.word(at + at_.interpreter_next, &at))
            return false;
    }
    return true;
}

bool Sampler::read_gil(const Interpreter &interpreter, Gil *to) const {
    uint64_t expected = at_.interpreter_gil ? interpreter.gil.address : runtime_ + at_.runtime_gil;
    if (!expected && !memory_.word(interpreter.address + at_.interpreter_gil, &expected))
        return false;
    to->address = expected;
    std::vector<Piece> pieces{{expected + at_.gil_holder, sizeof to->holder, &to->holder},
                              {expected + at_.gil_locked, sizeof to->locked, &to->locked},
                              {expected + at_.gil_switches, sizeof to->switches, &to->switches}};
    if (at_.interpreter_gil)
        pieces.push_back({interpreter.address + at_.interpreter_gil, sizeof to->address, &to->address});
    return memory_.read_all(pieces) && to->address == expected;
}

bool Sampler::walk_threads(Interpreter *interpreter, uint64_t first) const {
    interpreter->threads.clear();
    for (uint64_t at = first; at;) {
        ThreadCopy copy;
        copy.address = at;
        if (interpreter->threads.size() >= MOST_THREADS || !memory_.read(at, copy.bytes, thread_bytes_))
            return false;
        at = copy.word(at_.thread_next);
        interpreter->threads.push_back(copy);
    }
    return true;
}

// The threads of the last look are read together; if they are a chain no longer, it is walked.
bool Sampler::read_threads(Interpreter *interpreter) const {
    uint64_t first = 0;
    std::vector<Piece> pieces{{interpreter->address + at_.interpreter_threads, sizeof first, &first}};
    for (ThreadCopy &copy : interpreter->threads)
        pieces.push_back({copy.address, thread_bytes_, copy.bytes});
    if (memory_.read_all(pieces)) {
        uint64_t expected = first;
        bool is_chain = true;
        for (const ThreadCopy &copy : interpreter->threads) {
            is_chain = is_chain && copy.address == expected;
            expected = copy.word(at_.thread_next);
        }
        if (is_chain && !expected)
            return true;
    }
    return memory_.word(interpreter->address + at_.interpreter_threads, &first) &&
           walk_threads(interpreter, first);
}

Sampler::Thread *Sampler::thread(const ThreadCopy &copy) {
    uint64_t inner = copy.word(at_.thread_native_id);
    auto [slot, fresh] = threads_.try_emplace({copy.address, inner});
    if (fresh) {
        auto id = static_cast<pid_t>(inner);
        if (nested_)
            id = thread_here(memory_.pid(), id);
        slot->second = std::make_unique<Thread>(memory_.pid(), id);
        auto [index, is_new] = index_by_id_.emplace(id, static_cast<int32_t>(names_.size()));
        if (is_new)
            names_.push_back({id, slot->second->task.name()});
        slot->second->index = index->second;
    }
    slot->second->seen = statistics_.ticks;
    by_state_[copy.address] = slot->second.get();
    return slot->second.get();
}

// ---- the proof ----------------------------------------------------------------------------------

bool Sampler::go_to(int cpu) {
    if (cpu == cpu_)
        return true;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu < 0 || cpu >= CPU_SETSIZE || !may_move_)
        return false;
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        may_move_ = false;
        return false;
    }
    cpu_ = cpu;
    ++statistics_.moves;
    return true;
}

// False where another try is due. What can be proved is in the watch.
bool Sampler::begin_watch(const Interpreter &interpreter, Watch *watch) {
    *watch = Watch{};
    if (!read_gil(interpreter, &watch->gil))
        return false;
    auto known = by_state_.find(watch->gil.holder);
    if (known == by_state_.end()) {
        // Nobody has it, or somebody whom the list of threads will show: then it is tried again.
        watch->can_prove = !watch->gil.locked;
        return true;
    }
    watch->holder = known->second;
    if (!watch->holder->task.run_times(&watch->times) || !watch->times.runs ||
        !watch->holder->task.standing(&watch->standing))
        return true;
    bool could_run = watch->standing.letter == 'R';
    if (could_run && watch->standing.cpu != cpu_ && go_to(watch->standing.cpu))
        return false; // it may have moved, too
    watch->can_prove = !could_run || watch->standing.cpu == cpu_;
    return true;
}

bool Sampler::end_watch(const Interpreter &interpreter, const Watch &watch) const {
    Gil gil;
    if (!read_gil(interpreter, &gil) || !(gil == watch.gil))
        return false;
    if (!watch.holder || !watch.can_prove)
        return true;
    RunTimes times;
    if (!watch.holder->task.run_times(&times) || times.runs != watch.times.runs)
        return false;
    // A thread on its way to sleep has the letter already, and may turn back without leaving the CPU.
    Standing standing = watch.standing;
    return watch.standing.letter == 'R' || (watch.holder->task.standing(&standing) && standing.letter != 'R');
}

// ---- the scout: threads that wait ----------------------------------------------------------------

// A thread that did not run since its stack was read has the same stack; only one that waited then
// surely did not. Returns all threads; those that run are left to the looker.
std::vector<Sampler::Thread *> Sampler::scout(const Interpreter &interpreter, std::vector<Reading> *running) {
    std::vector<Thread *> found;
    for (const ThreadCopy &copy : interpreter.threads) {
        if (!copy.word(at_.thread_native_id))
            continue; // not bound to a thread yet
        Thread *thread = this->thread(copy);
        RunTimes times;
        if (!thread->task.run_times(&times))
            continue; // it ended
        thread->times = times;
        found.push_back(thread);
        if (thread->is_current && thread->letter != 'R' && times == thread->read_at)
            continue;
        thread->is_current = thread->holds = false;
        if (!read_waiting(thread, copy))
            running->push_back({thread, copy});
    }
    return found;
}

// Read the stack of a thread that waits; false if it runs.
bool Sampler::read_waiting(Thread *thread, const ThreadCopy &copy) {
    Reading reading{thread, copy};
    RunTimes after;
    Standing standing;
    if (!thread->task.standing(&reading.standing) || reading.standing.letter == 'R')
        return false;
    thread->task.system_call(&reading.call);
    if (!memory_.read(copy.address, reading.copy.bytes, thread_bytes_))
        return false;
    read_stack(&reading);
    // A thread on its way to sleep has the letter already, and may turn back without leaving the CPU.
    if (!thread->task.run_times(&after) || after.runs != thread->times.runs ||
        !thread->task.standing(&standing) || standing.letter == 'R')
        return false;
    thread->times = after;
    commit(&reading);
    return true;
}

void Sampler::read_stack(Reading *reading) {
    reading->stack.is_good = copier_.take(reading->copy, &reading->thread->footprint, &reading->stack.frames);
    reading->thread->trail.read_codes(&codes_, &reading->stack);
}

// Put a stack that is proved into the tree of stacks.
void Sampler::commit(Reading *reading) {
    Thread *thread = reading->thread;
    thread->read_at = thread->times;
    thread->letter = reading->standing.letter;
    thread->call = reading->call;
    if (!reading->stack.is_good) {
        ++statistics_.rejected;
        return;
    }
    thread->node = thread->trail.node(&codes_, &counts_, &reading->stack);
    thread->has_stack = thread->is_current = true;
}

// ---- the looker: threads that run ---------------------------------------------------------------

// Read the threads that run once more, where they can be proved to stand still.
bool Sampler::read_again(std::vector<Reading> *running, const Watch &watch) {
    for (Reading &reading : *running) {
        uint64_t id = reading.copy.word(at_.thread_native_id);
        bool is_holder = reading.thread == watch.holder && watch.can_prove;
        if (is_holder)
            reading.thread->times = watch.times;
        reading.standing = watch.standing;
        if (!is_holder && (!reading.thread->task.run_times(&reading.thread->times) ||
                           !reading.thread->task.standing(&reading.standing)))
            return false;
        reading.call = {};
        if (reading.standing.letter != 'R')
            reading.thread->task.system_call(&reading.call);
        if (!memory_.read(reading.copy.address, reading.copy.bytes, thread_bytes_) ||
            reading.copy.word(at_.thread_native_id) != id)
            return false;
        read_stack(&reading);
        for (int copies = 1; !watch.can_prove && copies < EQUAL_COPIES; ++copies)
            if (!reading.stack.is_good || !copier_.is_unchanged(reading.copy))
                return false;
    }
    return true;
}

Sampler::Try Sampler::try_running(Interpreter *interpreter, std::vector<Reading> *running) {
    Watch watch;
    if (!begin_watch(*interpreter, &watch) || !read_again(running, watch) || !end_watch(*interpreter, watch))
        return memory_.gone() ? Try::unreadable : Try::again;
    interpreter->gil = watch.gil;
    ++(watch.can_prove ? statistics_.proved : statistics_.unproved);
    return Try::done;
}

bool Sampler::watch_running(Interpreter *interpreter, std::vector<Reading> *running) {
    Try result = Try::again;
    int tries = 0;
    for (; result == Try::again && tries < TRIES; ++tries) {
        statistics_.retries += tries > 0;
        // A stack of tens of thousands of frames takes longer than a short slice.
        if (tries == SHORT_TRIES) {
            ask_for_slice(LONG_SLICE_NS);
            sched_yield(); // the new slice begins with the next turn
        }
        result = try_running(interpreter, running);
        if (result == Try::again)
            interpreter->gil.address = 0;
    }
    if (tries > SHORT_TRIES)
        ask_for_slice(SHORT_SLICE_NS);
    statistics_.moved += result == Try::again;
    return result == Try::done;
}

// ---- a look -------------------------------------------------------------------------------------

State Sampler::state(const Interpreter &interpreter, const Thread &thread) const {
    State state{thread.letter, thread.letter == 'R' ? -1 : thread.call.number,
                thread.holds ? HOLDS_GIL : uint8_t{0}};
    uint64_t condition = interpreter.gil.address + at_.gil_condition;
    if (state.call == FUTEX && thread.call.first >= condition && thread.call.first < condition + GIL_BYTES)
        state.gil = WAITS_FOR_GIL;
    return state;
}

void Sampler::count(const Interpreter &interpreter, const std::vector<Thread *> &threads, int64_t wall_ns) {
    for (Thread *thread : threads) {
        // The clock goes on whether or not the stack is known.
        auto [clock, is_first] = run_ns_.try_emplace(thread->index, thread->times.run_ns);
        int64_t ran_ns = static_cast<int64_t>(thread->times.run_ns - clock->second);
        clock->second = thread->times.run_ns;
        pending_[thread->index] += ran_ns;
        statistics_.run_ns += static_cast<uint64_t>(std::max<int64_t>(ran_ns, 0));
        if (!thread->is_current)
            continue;
        State now = state(interpreter, *thread);
        wanting_ += now.gil == WAITS_FOR_GIL;
        Count &count = counts_.at({thread->node, thread->index, now});
        ++count.samples;
        count.wall_ns += wall_ns;
        if (thread->letter == 'R' && !is_first) {
            ++count.cpu_samples;
            count.cpu_ns += pending_[thread->index];
            pending_[thread->index] = 0;
        }
    }
}

bool Sampler::tick(uint64_t now_ns) {
    if (!read_interpreters())
        return false;
    ++statistics_.ticks;
    wanting_ = 0;
    auto wall_ns = static_cast<int64_t>(last_ns_ ? now_ns - last_ns_ : 0);
    last_ns_ = now_ns;
    for (Interpreter &interpreter : interpreters_) {
        if (!read_threads(&interpreter)) {
            if (memory_.gone())
                return false;
            ++statistics_.moved;
            continue;
        }
        std::vector<Reading> running;
        std::vector<Thread *> threads = scout(interpreter, &running);
        read_gil(interpreter, &interpreter.gil);
        bool is_seen = false;
        if (!running.empty())
            as_looker_([&] { is_seen = watch_running(&interpreter, &running); });
        // Names and lines are looked up off the CPU on which the process works.
        for (Reading &reading : running)
            if (is_seen)
                commit(&reading);
        auto holder = by_state_.find(interpreter.gil.holder);
        for (Thread *thread : threads)
            thread->holds = interpreter.gil.locked && holder != by_state_.end() && holder->second == thread;
        count(interpreter, threads, wall_ns);
    }
    if (statistics_.ticks % 64 == 0)
        forget_threads();
    return !interpreters_.empty();
}

// Threads that ended leave their counts behind.
void Sampler::forget_threads() {
    std::erase_if(by_state_, [&](const auto &one) { return one.second->seen + 64 < statistics_.ticks; });
    std::erase_if(threads_, [&](const auto &one) { return one.second->seen + 64 < statistics_.ticks; });
}

// Runs functions on a thread of its own, one at a time; whoever asks waits. Its thread has the CPU of the
// program meanwhile, so it sleeps at once when there is nothing to do: std::binary_semaphore spins first.
class Looker {
  public:
    Looker() {
        sem_init(&asked_, 0, 0);
        sem_init(&done_, 0, 0);
        thread_ = std::thread([this] { work(); });
    }
    ~Looker() {
        task_ = nullptr;
        sem_post(&asked_);
        thread_.join();
        sem_destroy(&asked_);
        sem_destroy(&done_);
    }
    Looker(const Looker &) = delete;
    Looker &operator=(const Looker &) = delete;

    void run(std::function<void()> task) {
        task_ = std::move(task);
        sem_post(&asked_);
        await(&done_);
    }
    // CPU time of its thread until the end of the last function.
    uint64_t cpu_ns() const { return cpu_ns_; }

  private:
    static void await(sem_t *semaphore) {
        while (sem_wait(semaphore) != 0)
            continue;
    }
    void work() {
        ask_for_prompt_wakeups();
        for (await(&asked_); task_; await(&asked_)) {
            task_();
            cpu_ns_ = clock_ns(CLOCK_THREAD_CPUTIME_ID);
            sem_post(&done_);
        }
    }

    std::function<void()> task_;
    sem_t asked_, done_;
    std::atomic<uint64_t> cpu_ns_{0};
    std::thread thread_;
};

// One look from the calling thread.
bool Sampler::look() {
    KeptAffinity kept;
    as_looker_ = [this](const std::function<void()> &task) {
        uint64_t before_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        task();
        statistics_.window_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
    };
    bool is_good = look_here();
    cpu_ = -1;
    return is_good;
}

bool Sampler::look_here() {
    auto guard = lock();
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (!good_ns_)
        statistics_.begin_ns = good_ns_ = now_ns;
    // What can be read must be of the same program: another may lie at the same address.
    uint64_t word;
    bool is_same = memory_.is_same_program(runtime_) || !memory_.word(runtime_, &word);
    bool is_good = is_same && tick(now_ns);
    if (is_good)
        good_ns_ = now_ns;
    statistics_.end_ns = good_ns_;
    statistics_.own_cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
    if (!is_good && memory_.gone())
        ended_ = Ended::exited;
    else if (!is_same || (!is_good && now_ns - good_ns_ > PATIENCE_NS))
        ended_ = kill(memory_.pid(), 0) != 0 && errno == ESRCH ? Ended::exited : Ended::unreadable;
    return is_good;
}

// CPU time that the last look took from the program. Where as many threads as there are CPUs want the GIL,
// whoever gets it next may have to wait for the scout.
double Sampler::taken_from_program_ns(uint64_t own_ns, uint64_t window_ns) const {
    constexpr double SCOUT_PART = 0.3; // measured with eight threads on two CPUs
    bool is_in_the_way = wanting_ && wanting_ + 1 >= usable_cpus();
    return static_cast<double>(window_ns) +
           (is_in_the_way ? SCOUT_PART * static_cast<double>(own_ns - window_ns) : 0);
}

void Sampler::run(double rate_hz, double duration_s, double own_share, double program_share) {
    Looker looker;
    as_looker_ = [&](std::function<void()> task) {
        uint64_t before_ns = looker.cpu_ns();
        looker.run(std::move(task));
        uint64_t taken_ns = looker.cpu_ns() - before_ns;
        statistics_.window_ns += taken_ns;
        statistics_.own_cpu_ns += taken_ns;
    };
    ask_for_prompt_wakeups();
    std::minstd_rand random(static_cast<unsigned>(memory_.pid()));
    std::uniform_real_distribution<double> share(0.0, 1.0);
    Pace pace(rate_hz, own_share, program_share);
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), period_begin_ns = now_ns;
    auto end_ns = now_ns + static_cast<uint64_t>(duration_s * 1e9);
    while (!stopped_ && ended_ == Ended::no && now_ns < end_ns) {
        double period_ns = pace.period_ns();
        sleep_until(std::min(end_ns, period_begin_ns + static_cast<uint64_t>(share(random) * period_ns)));
        uint64_t own_ns = statistics_.own_cpu_ns, window_ns = statistics_.window_ns;
        look_here();
        own_ns = statistics_.own_cpu_ns - own_ns;
        pace.cost(static_cast<double>(own_ns),
                  taken_from_program_ns(own_ns, statistics_.window_ns - window_ns));
        now_ns = clock_ns(CLOCK_MONOTONIC);
        statistics_.slowed_ns += static_cast<uint64_t>(period_ns - pace.asked_ns());
        // A look that was due while the last one went on comes right after it; periods that passed
        // meanwhile as a whole are not made up for.
        period_begin_ns += static_cast<uint64_t>(period_ns);
        if (now_ns > period_begin_ns + static_cast<uint64_t>(period_ns))
            period_begin_ns = now_ns;
    }
    cpu_ = -1;
    if (ended_ != Ended::no)
        close_files();
}

// Of a process that ended only what was seen is kept: trees may have thousands of them.
void Sampler::close_files() {
    auto guard = lock();
    memory_.close_file();
    for (auto &[key, thread] : threads_)
        thread->task.close_files();
}

// ---- what was seen ------------------------------------------------------------------------------

Statistics Sampler::statistics() const {
    auto guard = lock();
    return statistics_;
}

std::vector<ThreadName> Sampler::names() const {
    std::vector<ThreadName> result = names_;
    for (const auto &[key, thread] : threads_)
        if (std::string name = thread->task.name(); !name.empty())
            result[static_cast<size_t>(thread->index)].name = name;
    return result;
}

std::vector<Counts::Key> Sampler::last() const {
    std::vector<Counts::Key> result;
    for (const Interpreter &interpreter : interpreters_)
        for (const ThreadCopy &copy : interpreter.threads) {
            auto known = threads_.find({copy.address, copy.word(at_.thread_native_id)});
            if (known == threads_.end() || !known->second->has_stack)
                continue;
            const Thread &thread = *known->second;
            result.push_back({thread.node, thread.index, state(interpreter, thread)});
        }
    return result;
}

} // namespace whet::remote
