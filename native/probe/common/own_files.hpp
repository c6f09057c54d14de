// Files that are not among the process's: a program that lists its descriptors, or closes those that it does
// not know, never meets them.
#pragma once

#include <string>

namespace whet::probe {

// From here on, files that the calling thread opens are its own. Nothing is copied, so no pipe of the
// program's stays open in it. Linux before 5.9 has no such call; then they are shared as ever.
void have_own_files();

// Replace the file at `path`: readers see the old content or the new. Returns 0 or the errno; what was
// there before is still there then. Without the GIL.
int write_file(const std::string &path, const char *data, size_t size);

} // namespace whet::probe
