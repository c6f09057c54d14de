#include "probe/common/own_files.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "probe/common/own_threads.hpp"

namespace whet::probe {
namespace {

int write_here(const std::string &path, const char *data, size_t size) {
    int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
        return errno;
    int error = 0;
    while (size && !error) {
        ssize_t written = write(file, data, size);
        if (written > 0)
            data += written, size -= static_cast<size_t>(written);
        else if (written == 0 || errno != EINTR)
            error = written == 0 ? ENOSPC : errno;
    }
    if (close(file) != 0 && !error && errno != EINTR)
        error = errno;
    return error;
}

struct Writing {
    const std::string &path;
    const char *data;
    size_t size;
    int error = 0;
};

} // namespace

int write_file(const std::string &path, const char *data, size_t size) {
    const std::string scratch = path + ".tmp";
    Writing writing{scratch, data, size};
    auto write = [](void *argument) -> void * {
        auto &job = *static_cast<Writing *>(argument);
        job.error = write_here(job.path, job.data, job.size);
        return nullptr;
    };
    OwnThread thread;
    if (thread.start("whet-writer", write, &writing))
        thread.end();
    else
        write(&writing); // no more threads allowed
    if (!writing.error && std::rename(scratch.c_str(), path.c_str()) != 0)
        writing.error = errno;
    if (writing.error)
        unlink(scratch.c_str());
    return writing.error;
}

} // namespace whet::probe
