#include "remote/memory.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace whet::remote {

Memory::Memory(pid_t pid)
    : pid_(pid), file_(open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC)) {}

Memory::~Memory() { close_file(); }

void Memory::close_file() {
    if (file_ >= 0)
        close(file_);
    file_ = -1;
}

bool Memory::is_same_program(uint64_t address) const {
    char byte;
    return file_ < 0 || pread(file_, &byte, 1, static_cast<off_t>(address)) == 1;
}

size_t Memory::read_some(uint64_t address, void *to, size_t bytes) const {
    iovec local{to, bytes}, remote{reinterpret_cast<void *>(address), bytes};
    ssize_t done = process_vm_readv(pid_, &local, 1, &remote, 1, 0);
    if (done < 0 && errno == ESRCH)
        gone_ = true;
    return done < 0 ? 0 : static_cast<size_t>(done);
}

bool Memory::read(uint64_t address, void *to, size_t bytes) const {
    return read_some(address, to, bytes) == bytes;
}

bool Memory::read_all(const std::vector<Piece> &pieces) const {
    iovec local[IOV_MAX], remote[IOV_MAX];
    for (size_t first = 0; first < pieces.size(); first += IOV_MAX) {
        size_t count = std::min<size_t>(pieces.size() - first, IOV_MAX), wanted = 0;
        for (size_t i = 0; i < count; ++i) {
            const Piece &piece = pieces[first + i];
            local[i] = {piece.to, piece.bytes};
            remote[i] = {reinterpret_cast<void *>(piece.address), piece.bytes};
            wanted += piece.bytes;
        }
        ssize_t done = process_vm_readv(pid_, local, count, remote, count, 0);
        if (done < 0 && errno == ESRCH)
            gone_ = true;
        if (done < 0 || static_cast<size_t>(done) != wanted)
            return false;
    }
    return true;
}

std::string Memory::text(uint64_t address, size_t limit) const {
    std::string result(limit, '\0');
    result.resize(read_some(address, result.data(), limit));
    result.resize(strnlen(result.data(), result.size()));
    return result;
}

} // namespace whet::remote
