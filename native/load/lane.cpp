#include "load/lane.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace whet::load {

namespace {

constexpr size_t block_rows = 4096;
constexpr size_t buffer_bytes = 64 << 10;
constexpr int batch = 256;
// Batches after which the event loop gets its turn while it has something to do.
constexpr int patience = 8;
constexpr int longest_wait_ms = 100;
constexpr int64_t billion = 1'000'000'000;
// Numbers of what is no slot, in epoll's data.
constexpr uint64_t timer_mark = 1ull << 40, watch_mark = 1ull << 41;

[[noreturn]] void fail(const char *what) { throw std::system_error(errno, std::generic_category(), what); }

timespec as_time(int64_t ns) { return {static_cast<time_t>(ns / billion), static_cast<long>(ns % billion)}; }

void add(int epoll, int fd, uint64_t mark) {
    epoll_event event{EPOLLIN, {}};
    event.data.u64 = mark;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        fail("epoll_ctl");
}

} // namespace

int64_t now_ns() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * billion + now.tv_nsec;
}

Lane::File::~File() {
    if (fd >= 0)
        close(fd);
}

Lane::Lane(std::string request, int slots)
    : epoll_{epoll_create1(EPOLL_CLOEXEC)},
      timer_{timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)}, request_(std::move(request)),
      slots_(static_cast<size_t>(slots)), buffer_(buffer_bytes) {
    if (epoll_.fd < 0 || timer_.fd < 0)
        fail("epoll_create1");
    add(epoll_.fd, timer_.fd, timer_mark);
}

Lane::~Lane() {
    for (Slot &slot : slots_)
        if (slot.fd >= 0)
            close(slot.fd);
}

void Lane::watch(int fd) { add(epoll_.fd, fd, watch_mark); }

void Lane::unwatch(int fd) { epoll_ctl(epoll_.fd, EPOLL_CTL_DEL, fd, nullptr); }

void Lane::poll_for(int slot, bool out, int operation) {
    Slot &s = slots_[slot];
    epoll_event event{EPOLLIN, {}};
    if (out)
        event.events |= EPOLLOUT;
    event.data.u64 = static_cast<uint64_t>(slot);
    if (epoll_ctl(epoll_.fd, operation, s.fd, &event))
        fail("epoll_ctl");
    s.wants_out = out;
}

void Lane::attach(int slot, int fd) {
    detach(slot);
    slots_[slot].fd = fd;
    poll_for(slot, false, EPOLL_CTL_ADD);
}

void Lane::detach(int slot) {
    Slot &s = slots_[slot];
    if (s.fd >= 0)
        close(s.fd); // which takes it out of the epoll, too: no other descriptor names this socket
    s.fd = -1;
    s.answer.left = 0;
    s.out.clear();
}

void Lane::set_state(int slot, State state) {
    Slot &s = slots_[slot];
    handed_ += (state == State::handed) - (s.state == State::handed);
    if (state == State::idle && s.state != State::idle)
        idle_.push_back(slot);
    s.state = state;
}

void Lane::emit(int slot, Kind kind, int64_t now, int error, std::string data) {
    Slot &s = slots_[slot];
    events_.push_back(
        {kind, slot, s.state, s.answer.left > 0, error, now, s.answers, s.row, std::move(data)});
    s.answers = 0;
    // An idle slot stays so: it has lost its connection and nothing else.
    if (s.state == State::asked)
        set_state(slot, State::handed);
    if (kind == Kind::ended || kind == Kind::excess)
        detach(slot);
}

// ---- when requests start

int64_t Lane::intended(int64_t number) const {
    return plan_.begin + static_cast<int64_t>(static_cast<double>(number) * 1e9 / plan_.rate_hz);
}

bool Lane::take(int64_t intended, int64_t now) {
    // What is due between the last alarm and the end still starts, a backlog does not.
    const bool is_open = plan_.rate_hz > 0;
    if (plan_.left <= 0 || (is_open ? now - plan_.interval : now) >= plan_.end)
        return false;
    if (is_open && (intended > now || intended >= plan_.end))
        return false;
    --plan_.left;
    ++started_;
    return true;
}

int64_t Lane::next(int slot, int64_t now) {
    const bool is_open = plan_.rate_hz > 0;
    const int64_t when = is_open ? intended(started_) : now;
    if (!take(when, now)) {
        set_state(slot, State::idle);
        return -1;
    }
    if (is_open && !idle_.empty())
        late_.push_back(now - when); // the alarm for it is on its way
    else if (is_open)
        ++waited_;
    return when;
}

void Lane::pump() {
    while (!idle_.empty()) {
        const int64_t now = now_ns();
        const int64_t when = plan_.rate_hz > 0 ? intended(started_) : now;
        if (!take(when, now))
            return;
        if (plan_.rate_hz > 0)
            late_.push_back(now - when);
        const int slot = idle_.back();
        idle_.pop_back();
        begin_request(slot, when, now);
    }
}

void Lane::begin_request(int slot, int64_t intended, int64_t now) {
    if (slots_[slot].fd >= 0) {
        ask(slot, intended, now, now);
        return;
    }
    set_state(slot, State::handed);
    slots_[slot].row = {intended, now, now, now, 0, 0, 0, 0};
    emit(slot, Kind::begin, now);
}

void Lane::begin(const Plan &plan) {
    plan_ = plan;
    started_ = waited_ = 0;
    handed_ = 0;
    idle_.clear();
    for (int slot = static_cast<int>(slots_.size()); slot-- > 0;) {
        slots_[slot].state = State::idle;
        idle_.push_back(slot);
    }
    itimerspec alarm{};
    if (plan.rate_hz > 0)
        alarm = {as_time(plan.interval), as_time(plan.begin + plan.interval)};
    if (timerfd_settime(timer_.fd, TFD_TIMER_ABSTIME, &alarm, nullptr))
        fail("timerfd_settime");
    pump();
}

void Lane::stop() { plan_.left = 0; }

bool Lane::is_over() const {
    if (idle_.size() < slots_.size())
        return false;
    if (plan_.left <= 0)
        return true;
    const int64_t now = now_ns();
    if (plan_.rate_hz > 0)
        return now >= plan_.end + plan_.interval || intended(started_) >= plan_.end;
    return now >= plan_.end;
}

// ---- bytes

bool Lane::ask(int slot, int64_t intended, int64_t start, int64_t ready) {
    Slot &s = slots_[slot];
    set_state(slot, State::asked);
    s.answer.left = 0;
    s.row = {intended, start, ready, ready, 0, 0, 0, 0};
    const bool sent = write(slot, request_.data(), request_.size());
    if (sent)
        s.row.written = now_ns();
    return sent;
}

bool Lane::send(int slot, const std::string &data) { return write(slot, data.data(), data.size()); }

bool Lane::write(int slot, const char *data, size_t size) {
    Slot &s = slots_[slot];
    if (s.fd < 0) {
        emit(slot, Kind::ended, now_ns());
        return false;
    }
    if (s.out.empty()) {
        ssize_t sent;
        do
            sent = ::send(s.fd, data, size, MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        if (sent == static_cast<ssize_t>(size))
            return true;
        if (sent < 0 && errno != EAGAIN) {
            emit(slot, Kind::ended, now_ns(), errno);
            return false;
        }
        if (sent > 0) {
            data += sent;
            size -= static_cast<size_t>(sent);
        }
    }
    s.out.append(data, size);
    if (!s.wants_out)
        poll_for(slot, true, EPOLL_CTL_MOD);
    return true;
}

void Lane::on_slot(int slot, uint32_t what) {
    Slot &s = slots_[slot];
    if (s.fd < 0)
        return;
    if ((what & EPOLLOUT) && !s.out.empty()) {
        std::string rest;
        rest.swap(s.out);
        if (!write(slot, rest.data(), rest.size()))
            return;
        if (s.out.empty()) {
            poll_for(slot, false, EPOLL_CTL_MOD);
            if (s.state == State::asked)
                s.row.written = now_ns();
        }
    }
    if (!(what & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    const ssize_t size = recv(s.fd, buffer_.data(), buffer_.size(), 0);
    if (size > 0)
        on_data(slot, static_cast<size_t>(size));
    else if (size == 0 || (errno != EAGAIN && errno != EINTR))
        emit(slot, Kind::ended, now_ns(), size == 0 ? 0 : errno);
}

void Lane::on_data(int slot, size_t size) {
    Slot &s = slots_[slot];
    const int64_t now = now_ns();
    if (s.state == State::idle) {
        emit(slot, Kind::ended, now);
        return;
    }
    // An answer that comes before its request has gone out needs judgement.
    if (s.state == State::asked && s.out.empty()) {
        const Reading reading = s.answer.take(heads_, buffer_.data(), size);
        if (const Head *head = s.answer.head) {
            s.row.first = now;
            s.row.status = head->status;
            s.row.bytes = head->body_bytes;
        }
        if (reading == Reading::complete)
            complete(slot, now);
        else if (reading == Reading::excess)
            emit(slot, Kind::excess, now);
        if (reading != Reading::unknown)
            return;
    }
    emit(slot, Kind::data, now, 0, std::string(buffer_.data(), size));
}

void Lane::complete(int slot, int64_t now) {
    Slot &s = slots_[slot];
    s.row.end = now;
    rows_.push_back(s.row);
    ++s.answers;
    const int64_t when = next(slot, now);
    if (when >= 0)
        begin_request(slot, when, now);
}

void Lane::step() {
    std::array<epoll_event, batch> ready;
    for (int turn = 0; events_.empty(); ++turn) {
        const bool may_wait = !handed_ && !is_over();
        if (!may_wait && turn >= patience)
            return;
        const int count = epoll_wait(epoll_.fd, ready.data(), batch, may_wait ? longest_wait_ms : 0);
        bool is_woken = count < 0;
        for (int i = 0; i < count; ++i) {
            const uint64_t mark = ready[i].data.u64;
            if (mark == timer_mark) {
                uint64_t ticks;
                if (read(timer_.fd, &ticks, sizeof ticks) < 0)
                    continue;
            } else if (mark == watch_mark) {
                is_woken = true;
            } else {
                on_slot(static_cast<int>(mark), ready[i].events);
            }
        }
        if (plan_.rate_hz > 0)
            pump();
        if (is_woken || count == 0 || rows_.size() >= block_rows)
            return;
    }
}

int64_t Lane::expire(int64_t before, int64_t now) {
    int64_t oldest = now;
    for (int slot = 0; slot < static_cast<int>(slots_.size()); ++slot) {
        if (slots_[slot].state != State::asked)
            continue;
        const int64_t start = slots_[slot].row.start;
        if (start <= before)
            emit(slot, Kind::expired, now);
        else
            oldest = std::min(oldest, start);
    }
    return oldest;
}

} // namespace whet::load
