// The fast lane of `whet load`: many connections, one request, answers that repeat. No Python.h in here.
//
// A slot is a worker of the driver: it has a connection or none, and one request at a time. The lane sends
// the request, compares the answer's head with heads it was taught, counts the body, writes a row and goes
// on. Whatever is not so is handed out as an event, and the slot is left alone until it is given back by
// `ask` or `next`: what answers mean, dialing, redirects and failures are the driver's (driver/load/lane.py).
// Times are ns of CLOCK_MONOTONIC. One thread uses a lane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "load/answers.hpp"

namespace whet::load {

// analyze/load/totals.py: Column.
struct Row {
    int64_t intended, start, ready, written, first, end, status, bytes;
};

enum class State { idle, asked, handed };
// begin: a slot without connection has something to do; data: bytes that need judgement; ended: the
// connection is closed (error: errno or 0); excess: bytes after an answer's end, the connection is closed;
// expired: the answer takes too long.
enum class Kind { begin, data, ended, excess, expired };

struct Event {
    Kind kind;
    int slot;
    State was;
    bool heard;      // part of the answer has been counted already
    int error;       // errno
    int64_t at;      // when it happened
    int64_t answers; // since the last event of this slot
    Row times;       // of the request under way
    std::string data;
};

// When requests start; driver/load/schedule.py says what it means. rate_hz 0: as fast as answers come.
struct Plan {
    int64_t begin, end, left;
    double rate_hz;
    int64_t interval;
};

class Lane {
  public:
    Lane(std::string request, int slots); // throws std::system_error
    ~Lane();
    Lane(const Lane &) = delete;
    Lane &operator=(const Lane &) = delete;

    int descriptor() const { return epoll_.fd; }
    // Return from `step` when this descriptor is readable; it stays its owner's.
    void watch(int fd);
    void unwatch(int fd);

    void learn(Head head) { heads_.learn(std::move(head)); }
    void attach(int slot, int fd); // takes the descriptor
    void detach(int slot);

    void begin(const Plan &plan);
    void stop();
    // Send the request; false: an event says what went wrong.
    bool ask(int slot, int64_t intended, int64_t start, int64_t ready);
    bool send(int slot, const std::string &data);
    // When a slot's next request should have started, or -1: it is idle now.
    int64_t next(int slot, int64_t now);
    // Serve connections until there is an event, a row block is full, or all is done.
    void step();
    // Hand out requests that began before: events of kind `expired`. Return when the oldest that is left
    // began, or `now` if there is none.
    int64_t expire(int64_t before, int64_t now);

    bool is_over() const;
    int64_t started() const { return started_; }
    int64_t waited() const { return waited_; }
    std::deque<Event> &events() { return events_; }
    std::vector<Row> &rows() { return rows_; }
    std::vector<int64_t> &late() { return late_; }

  private:
    struct Slot {
        int fd = -1;
        State state = State::idle;
        bool wants_out = false;
        Row row{};
        Answer answer;
        int64_t answers = 0;
        std::string out; // what the kernel has not taken yet
    };
    // A descriptor that is closed in the end.
    struct File {
        int fd;
        ~File();
    };

    int64_t intended(int64_t number) const;
    bool take(int64_t intended, int64_t now);
    void pump();
    void begin_request(int slot, int64_t intended, int64_t now);
    bool write(int slot, const char *data, size_t size);
    void on_slot(int slot, uint32_t what);
    void on_data(int slot, size_t size);
    void complete(int slot, int64_t now);
    void set_state(int slot, State state);
    void emit(int slot, Kind kind, int64_t now, int error = 0, std::string data = {});
    void poll_for(int slot, bool out, int operation);

    File epoll_, timer_;
    std::string request_;
    std::vector<Slot> slots_;
    std::vector<int> idle_;
    Heads heads_;
    Plan plan_{};
    int64_t started_ = 0, waited_ = 0;
    int handed_ = 0;
    std::deque<Event> events_;
    std::vector<Row> rows_;
    std::vector<int64_t> late_;
    std::vector<char> buffer_;
};

int64_t now_ns();

} // namespace whet::load
