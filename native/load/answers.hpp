// Answers of HTTP/1.1 whose heads came before: known by their bytes, bodies counted. What it does not know it
// does not judge: that is for driver/load/parser.py. It touches no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace whet::load {

struct Head {
    std::string bytes; // with its empty line
    int64_t body_bytes;
    int status;
};

// The heads that came last.
class Heads {
  public:
    void learn(Head head);
    // Return the head that the data begins with, or null; it is good until the next `learn`.
    const Head *find(const char *data, size_t size);

  private:
    std::vector<Head> known_;
    size_t last_ = 0, oldest_ = 0;
};

// unknown: of the first bytes, which are left alone; excess: there are bytes after the answer's end.
enum class Reading { unknown, more, complete, excess };

// One answer as it comes in.
struct Answer {
    const Head *head = nullptr; // of the bytes that were taken last, if they were the first
    int64_t left = 0;           // of its body; 0: its head has not come, or all is complete

    Reading take(Heads &heads, const char *data, size_t size);
};

} // namespace whet::load
