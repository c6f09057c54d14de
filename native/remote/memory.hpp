// Another process's memory, read with process_vm_readv(2): the process is neither stopped nor traced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace whet::remote {

struct Piece {
    uint64_t address;
    size_t bytes;
    void *to;
};

class Memory {
  public:
    explicit Memory(pid_t pid);
    ~Memory();
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;

    // Copy `bytes` from `address`; false where not all of them can be read.
    bool read(uint64_t address, void *to, size_t bytes) const;
    bool word(uint64_t address, uint64_t *to) const { return read(address, to, sizeof *to); }
    // Copy as much of a piece as can be read; returns how many bytes that is.
    size_t read_some(uint64_t address, void *to, size_t bytes) const;
    // Copy all pieces, as many in one system call as the kernel takes; false unless all are whole.
    bool read_all(const std::vector<Piece> &pieces) const;
    // The text up to a zero byte, at most `limit` bytes of it; "" where it cannot be read.
    std::string text(uint64_t address, size_t limit) const;

    pid_t pid() const { return pid_; }
    // Whether the process still runs the program that it ran when this was made; `address` is one that
    // can be read as long as it does.
    bool is_same_program(uint64_t address) const;
    // Let go of the program's memory, which the kernel keeps for us even after its end.
    void close_file();
    // Whether the last read that failed did so because there is no such process any more.
    bool gone() const { return gone_; }

  private:
    pid_t pid_;
    int file_; // /proc/PID/mem: the kernel ties it to this program's memory, and exec gives a new one
    mutable bool gone_ = false;
};

} // namespace whet::remote
