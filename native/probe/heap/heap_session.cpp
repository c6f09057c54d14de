#include <Python.h>

#include "probe/heap/heap_session.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <stdexcept>
#include <tuple>
#include <unistd.h>

#include "probe/common/clock.hpp"
#include "probe/common/memory_fails.hpp"
#include "probe/common/safe_read.hpp"
#include "probe/common/service.hpp"
#include "probe/heap/heap_hooks.hpp"
#include "probe/heap/native_memory.hpp"

namespace whet::probe {
namespace {

constexpr uint32_t MAX_FRAMES = 1024;
constexpr uint64_t DRAINS_PER_MEND = 10;
constexpr size_t MAX_MOMENTS = 1024;
// Below this mean there are so many samples that only each 16th is timed.
constexpr int64_t TIMED_MEAN = 4096;
constexpr uint64_t TIMED_EACH = 16;
// What takes longer was interrupted: a thread's own clock would cost more than what it tells.
constexpr int64_t LONGEST_SAMPLE_NS = SECOND / 10'000;
// How long the program may stand still while types are looked for.
constexpr int64_t TYPES_LIMIT_NS = SECOND / 20, LAST_TYPES_LIMIT_NS = SECOND;
// A program that begins may allocate much for some seconds. Blocks that are large beside the mean are all
// sampled, so doubling has an end.
constexpr double PACE_BURST_S = 5;
constexpr int64_t MOST_PACED_MEAN = 64 << 20;
constexpr size_t NO_NAMES_TO_SPARE = 4096; // locations that are not worth a compaction
constexpr size_t MAX_NODES = 0;            // the StackTable only keeps names here

std::mutex *heap_mutex = new std::mutex;

double resident_bytes() {
    char text[128];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    text[size > 0 ? size : 0] = '\0';
    long all = 0, resident = 0;
    std::sscanf(text, "%ld %ld", &all, &resident);
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

} // namespace

void heap_step_aside() {
    heap_enter(heap_thread);
    heap_thread.holding = true;
}

void heap_step_back() {
    heap_thread.holding = false;
    heap_leave(heap_thread);
}

void heap_hold() {
    heap_enter(heap_thread);
    heap_mutex->lock();
    heap_thread.holding = true;
}

void heap_let_go() {
    heap_thread.holding = false;
    heap_mutex->unlock();
    heap_leave(heap_thread);
}

void heap_mutex_forget_after_fork() { heap_mutex = new std::mutex; }

HeapSession::HeapSession(const HeapOptions &o, const whet_layout &layout)
    : options(o), book(o.mean_bytes, o.budget_bytes, heap_filter), walker_(layout, MAX_FRAMES),
      frames_(MAX_FRAMES), names_(std::make_unique<StackTable>(MAX_NODES)),
      random_(static_cast<uint64_t>(clock_ns(CLOCK_MONOTONIC)) | 1) {
    for (uint32_t pseudo = 0; pseudo < HeapStacks::PSEUDO_COUNT; ++pseudo)
        book.stacks().set_name(pseudo, names_->pseudo_location(HeapStacks::pseudo_name(pseudo)));
}

int64_t HeapSession::elapsed_ns() const {
    return (stopped_mono_ns ? stopped_mono_ns : clock_ns(CLOCK_MONOTONIC)) - started_mono_ns;
}

void HeapSession::sample(void *block, size_t size, int64_t mean, int64_t counted) {
    unless_memory_fails([&] { take(block, size, mean, counted); }, [&] { book.lose(size); });
    unless_memory_fails([&] {
        if (book.keep_within_budget(&heap_thread.random))
            heap_change_epoch(true);
    });
}

void HeapSession::take(void *block, size_t size, int64_t mean, int64_t counted) {
    const uint64_t number = begun_.fetch_add(1, std::memory_order_acq_rel);
    bool each = mean >= TIMED_MEAN, timed = each || number % TIMED_EACH == 0;
    int64_t begin = timed ? clock_ns(CLOCK_MONOTONIC) : 0;
    Reader reader(guarded_.load(std::memory_order_relaxed));
    OwnStack stack = walker_.measure(reader, frames_.data());
    const ThisThread &thread = this_thread();
    if (seen_threads_.find(thread.serial) == FlatMap::NONE) {
        new_threads_.emplace_back(thread.serial, thread.tid);
        seen_threads_.put(thread.serial, 1);
        service_wake(); // its name goes when it ends
    }
    double objects = book.weigh(size).objects;
    // Small ones of libc's are not seen in turns.
    if (size <= HEAP_SMALL_BYTES && counted == heap_counted_small(size))
        hooked_small += objects / static_cast<double>(1U << heap_small_shift.load(std::memory_order_relaxed));
    else
        hooked_large += objects;
    HeapBook::Sample sample{};
    sample.block = reinterpret_cast<uintptr_t>(block);
    sample.size = size;
    sample.mean = mean;
    sample.thread = thread.serial;
    sample.labels = walker_.labels(reader, stack);
    int64_t now = begin ? begin : clock_ns(CLOCK_MONOTONIC_COARSE);
    sample.since = static_cast<uint32_t>(std::max<int64_t>(now - started_mono_ns, 0) / (SECOND / 16));
    sample.stack_flags = stack.flags;
    sample.frames = frames_.data();
    sample.frame_count = stack.frames;
    book.sample(sample, &heap_thread.random);
    if (timed)
        sampling_ns += std::min(clock_ns(CLOCK_MONOTONIC) - begin, LONGEST_SAMPLE_NS) *
                       static_cast<int64_t>(each ? 1 : TIMED_EACH);
}

// ---- chores -----------------------------------------------------------------------------------

void HeapSession::drain() {
    Uncounted uncounted;
    guarded_.store(fault_guard_is_ours(), std::memory_order_relaxed);
    turns.end_slot();
    if (watches_native.load(std::memory_order_acquire))
        native_memory_rescan();
    if (!keeps_pace() && drains_ % moment_every_ == 0)
        note_moment();
    keep_pace();
    if (++drains_ % DRAINS_PER_MEND == 0)
        time_to_mend_.store(true, std::memory_order_relaxed);
}

// A series of bounded length: when it is full, every second moment goes and the pace is halved.
void HeapSession::note_moment() {
    HeapMoment moment{static_cast<double>(elapsed_ns()) / static_cast<double>(SECOND), resident_bytes(), 0};
    HeapHeld held;
    moment.live_bytes = book.live_bytes();
    series.push_back(moment);
    if (series.size() < MAX_MOMENTS)
        return;
    for (size_t i = 0; i < series.size() / 2; ++i)
        series[i] = series[2 * i];
    series.resize(series.size() / 2);
    moment_every_ *= 2;
}

// A bucket of samples, full at first, that fills steadily. When it is empty the mean is doubled; what is in
// use is thinned accordingly.
void HeapSession::keep_pace() {
    const uint64_t begun = begun_.load(std::memory_order_relaxed), taken = begun - paced_;
    paced_ = begun;
    const double rate = most_samples_per_s.load(std::memory_order_relaxed);
    if (rate == 0)
        return;
    const int64_t now = clock_ns(CLOCK_MONOTONIC), passed = now - paced_ns_;
    paced_ns_ = now;
    samples_due_ += rate * static_cast<double>(passed) / static_cast<double>(SECOND);
    samples_due_ = std::min(samples_due_, rate * PACE_BURST_S) - static_cast<double>(taken);
    if (samples_due_ >= 0)
        return;
    samples_due_ = rate;
    HeapHeld held;
    if (!book.is_whole() || book.mean() >= MOST_PACED_MEAN)
        return;
    book.double_mean(&random_);
    heap_change_epoch(true);
}

bool HeapSession::wants_python() {
    if (time_to_mend_.load(std::memory_order_relaxed) || turns.is_due())
        return true;
    HeapHeld held;
    return book.is_whole() && (!book.stacks().unnamed().empty() || !new_threads_.empty());
}

void HeapSession::resolve() {
    Uncounted uncounted;
    if (time_to_mend_.exchange(false) && !stopped_mono_ns)
        mended.fetch_add(static_cast<uint64_t>(heap_hooks_mend()));
    if (!stopped_mono_ns)
        turns.take();
    if (!is_whole())
        return;
    name_threads();
    name_locations();
    compact_names();
}

bool HeapSession::is_whole() const {
    HeapHeld held;
    return book.is_whole();
}

void HeapSession::name_threads() {
    std::vector<std::pair<uint32_t, pid_t>> fresh;
    {
        HeapHeld held;
        fresh.swap(new_threads_);
    }
    if (fresh.empty())
        return;
    thread_names_.refresh();
    for (auto [serial, tid] : fresh)
        thread_names_.resolve(serial, tid);
    HeapHeld held;
    for (auto [serial, tid] : fresh) {
        uint32_t name = thread_names_.id(serial), first = thread_of_name_.find(name);
        if (first == FlatMap::NONE)
            thread_of_name_.put(name, serial);
        else
            book.merge_thread(serial, first);
    }
}

// Naming allocates Python objects, so it is done without the mutex. If stacks were folded
// meanwhile, the next round does it.
void HeapSession::name_locations() {
    OwnVector<HeapStacks::Unnamed> unnamed;
    uint32_t folds;
    uint64_t begun;
    {
        HeapHeld held;
        unnamed = book.stacks().unnamed();
        folds = book.stacks().fold_count();
        begun = begun_.load(std::memory_order_relaxed);
    }
    if (unnamed.empty()) {
        resolved_until_ = begun;
        return;
    }
    std::vector<uint32_t> names;
    names.reserve(unnamed.size());
    for (const HeapStacks::Unnamed &u : unnamed)
        names.push_back(names_->location(u.frame));
    HeapHeld held;
    if (book.stacks().fold_count() != folds)
        return;
    for (size_t i = 0; i < unnamed.size(); ++i)
        book.stacks().set_name(unnamed[i].location, names[i]);
    book.stacks().drop_unnamed(unnamed.size());
    resolved_until_ = begun;
    book.set_names_bytes(names_->bytes());
}

// Names that no stack has any more go, when they are the most.
void HeapSession::compact_names() {
    HeapHeld held;
    if (names_->locations() < NO_NAMES_TO_SPARE || names_->locations() < 2 * book.stacks().locations())
        return;
    auto fresh = std::make_unique<StackTable>(MAX_NODES);
    book.stacks().rename([&](uint32_t name) { return fresh->adopt(*names_, name); });
    names_ = std::move(fresh);
    book.set_names_bytes(names_->bytes());
}

void HeapSession::forget_code(uintptr_t code) {
    Uncounted uncounted;
    names_->forget_code(code);
    HeapHeld held;
    if (book.is_whole())
        book.stacks().forget_code(code);
}

// Until the types have been used the GIL must not be given up: blocks may become other objects.
HeapTypes HeapSession::look_for_types(PyObject *get_objects, int64_t limit_ns) {
    int64_t begin = clock_ns(CLOCK_MONOTONIC);
    if (!get_objects)
        return {};
    PyObject *objects = nullptr;
#if PY_VERSION_HEX < 0x030c0000
    objects = PyObject_CallNoArgs(get_objects);
    if (!objects || !PyList_CheckExact(objects)) {
        PyErr_Clear();
        Py_XDECREF(objects);
        return {};
    }
#endif
    std::vector<uintptr_t> blocks;
    {
        HeapHeld held;
        blocks.reserve(book.live().size());
        book.live().each([&](const Live &entry) { blocks.push_back(entry.block); });
    }
    HeapTypes types(objects, std::move(blocks), limit_ns);
    Py_XDECREF(objects);
    types_ns += clock_ns(CLOCK_MONOTONIC) - begin;
    return types;
}

void HeapSession::keep_types(PyObject *get_objects) {
    Uncounted uncounted;
    kept_types_ = look_for_types(get_objects, LAST_TYPES_LIMIT_NS);
}

// ---- writing ----------------------------------------------------------------------------------

// Writes rows of one profile, holding the mutex and the GIL.
class HeapSession::Writer {
  public:
    explicit Writer(const HeapSession &s)
        : s_(s), stacks_(const_cast<HeapSession &>(s).book.stacks()), out(*s.names_) {
        out.period("space", "bytes", s.book.mean());
    }

    void begin(const Cell &cell) {
        for (uint32_t node = cell.node; node; node = stacks_.caller(node)) {
            uint32_t name = stacks_.name(node);
            out.frame(name == HeapStacks::UNNAMED ? stacks_.pseudo(HeapStacks::REJECTED) : name);
        }
        out.end_stack();
    }
    void value(double value) { out.value(static_cast<int64_t>(value + 0.5)); }
    void end(const Cell &cell, int64_t age_s, const std::string &type) {
        if (s_.thread_names_.knows(cell.thread))
            out.label("thread", s_.thread_names_.name(s_.thread_names_.id(cell.thread)));
        out.labels(cell.labels);
        if (cell.size_class)
            out.label("bytes", static_cast<int64_t>(cell.size_class), "bytes");
        if (age_s)
            out.label("age", age_s, "seconds");
        out.label("type", type);
        out.end();
    }

  private:
    const HeapSession &s_;
    HeapStacks &stacks_;

  public:
    ProfileWriter out;
};

namespace {

void must_be_whole(const HeapBook &book) {
    if (!book.is_whole())
        throw std::runtime_error("memory ran out while the heap's stacks were being folded: what was "
                                 "recorded is lost");
}

// Ages are told in steps of four: under a second, 1, 4, 16, 64 ... seconds.
int64_t age_class(int64_t seconds) {
    int64_t bound = 1;
    while (bound <= seconds / 4)
        bound *= 4;
    return seconds ? bound : 0;
}

struct InUse {
    uint32_t cell, type;
    int64_t age_s;
    Amount amount;

    auto key() const { return std::tuple(cell, age_s, type); }
};

// What is in use, by cell, age and type.
std::vector<InUse> in_use(const HeapBook &book, int64_t now_s, const HeapTypes &types) {
    std::vector<InUse> rows;
    book.live().each([&](const Live &entry) {
        int64_t age = age_class(std::max<int64_t>(now_s - entry.since / 16, 0));
        rows.push_back({entry.cell, types.of(entry.block), age, book.weigh(entry.size)});
    });
    std::sort(rows.begin(), rows.end(), [](const InUse &a, const InUse &b) { return a.key() < b.key(); });
    size_t end = 0;
    for (const InUse &row : rows) {
        if (end && rows[end - 1].key() == row.key())
            rows[end - 1].amount.add(row.amount);
        else
            rows[end++] = row;
    }
    rows.resize(end);
    return rows;
}

} // namespace

std::string HeapSession::write(const std::vector<std::string> &comments, PyObject *get_objects,
                               bool ends_window, bool merges) {
    Uncounted uncounted;
    HeapTypes fresh = stopped_mono_ns ? HeapTypes() : look_for_types(get_objects, TYPES_LIMIT_NS);
    const HeapTypes &types = stopped_mono_ns ? kept_types_ : fresh;
    const int64_t begin_ns = ends_window ? window_begin_ns_ : 0;
    int64_t end_ns = 0;
    auto written = [&] {
        HeapHeld held;
        must_be_whole(book);
        end_ns = elapsed_ns();
        Writer w(*this);
        for (const char *type : {"alloc", "inuse"}) {
            w.out.sample_type((std::string(type) + "_objects").c_str(), "count");
            w.out.sample_type((std::string(type) + "_space").c_str(), "bytes");
        }
        w.out.default_sample_type("inuse_space");
        for (const Cell &cell : book.cells()) {
            const Amount amount = ends_window ? cell.in_window() : cell.allocated;
            if (amount.objects == 0)
                continue;
            w.begin(cell);
            w.value(amount.objects), w.value(amount.bytes);
            w.value(0), w.value(0);
            w.end(cell, 0, {});
        }
        for (const InUse &row : in_use(book, end_ns / SECOND, types)) {
            const Cell &cell = book.cells()[row.cell];
            w.begin(cell);
            w.value(0), w.value(0);
            w.value(row.amount.objects), w.value(row.amount.bytes);
            w.end(cell, row.age_s, types.name(row.type));
        }
        if (ends_window) {
            unless_memory_fails([&] {
                if (book.end_window(merges))
                    heap_change_epoch(true);
            });
            if (!book.is_whole())
                heap_change_epoch(false);
            window_begin_ns_ = end_ns;
        }
        return std::move(w.out);
    };
    ProfileWriter out = written();
    out.comments(comments);
    return out.encode(started_wall_ns + begin_ns, end_ns - begin_ns);
}

std::string HeapSession::write_peak(const std::vector<std::string> &comments) {
    Uncounted uncounted;
    auto written = [this] {
        HeapHeld held;
        must_be_whole(book);
        book.note_peak();
        Writer w(*this);
        w.out.sample_type("inuse_objects", "count");
        w.out.sample_type("inuse_space", "bytes");
        w.out.default_sample_type("inuse_space");
        for (const Cell &cell : book.cells()) {
            Amount peak = book.at_peak(cell);
            if (peak.objects == 0)
                continue;
            w.begin(cell);
            w.value(peak.objects), w.value(peak.bytes);
            w.end(cell, 0, {});
        }
        return std::move(w.out);
    };
    ProfileWriter out = written();
    out.comments(comments);
    return out.encode(started_wall_ns, elapsed_ns());
}

} // namespace whet::probe
