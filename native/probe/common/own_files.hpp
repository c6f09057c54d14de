// Writes files by a descriptor that is not among the process's, on a thread of our own: a program that lists
// its descriptors, or closes those that it does not know, never meets it.
#pragma once

#include <string>

namespace whet::probe {

// Replace the file at `path`: readers see the old content or the new. Returns 0 or the errno; what was
// there before is still there then. Without the GIL.
int write_file(const std::string &path, const char *data, size_t size);

} // namespace whet::probe
