#include "probe/common/memory_fails.hpp"

#include <cstdlib>
#include <cxxabi.h>

namespace whet::probe {

constinit thread_local bool may_throw __attribute__((tls_model("initial-exec"))) = false;

// The C++ library keeps a thread's exceptions in memory of the thread's own, which the loader allocates at
// the first touch, and ends the process where it cannot.
bool prepare_to_throw() {
    constexpr size_t MORE_THAN_ENOUGH = 16384;
    void *room = std::malloc(MORE_THAN_ENOUGH);
    if (!room)
        return false;
    std::free(room);
    may_throw = abi::__cxa_get_globals() != nullptr;
    return may_throw;
}

} // namespace whet::probe
