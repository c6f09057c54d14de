#include "probe/common/loads.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <dlfcn.h>

#include "probe/common/memory_fails.hpp"
#include "probe/heap/heap_events.hpp"

namespace whet::probe {
namespace {

constexpr size_t MAX_WATCHED = 4;

using Dlsym = void *(*)(void *, const char *);
Dlsym real_dlsym = nullptr;
GotPatches *lookups = new GotPatches;
std::array<std::atomic<GotPatches *>, MAX_WATCHED> watched{};
std::atomic<int> watching{0};

void patch_all() {
    int saved_errno = errno;
    Uncounted uncounted;
    unless_memory_fails([] {
        lookups->patch();
        for (auto &place : watched)
            if (GotPatches *patches = place.load(std::memory_order_acquire))
                patches->patch();
    });
    errno = saved_errno;
}

// dlsym looks at who calls it, hence the jump at the end.
void *redirected_dlsym(void *handle, const char *name) {
    if (watching.load(std::memory_order_relaxed))
        patch_all();
    return real_dlsym(handle, name);
}

} // namespace

bool loads_watch(GotPatches &patches) {
    if (!real_dlsym) {
        real_dlsym = reinterpret_cast<Dlsym>(called_function("dlsym"));
        if (real_dlsym)
            lookups->add("dlsym", reinterpret_cast<void *>(redirected_dlsym),
                         reinterpret_cast<void *>(real_dlsym));
    }
    for (auto &place : watched) {
        GotPatches *nobody = nullptr;
        if (!place.compare_exchange_strong(nobody, &patches))
            continue;
        watching.fetch_add(1);
        patch_all();
        return true;
    }
    return false;
}

void loads_unwatch(GotPatches &patches) {
    for (auto &place : watched) {
        GotPatches *mine = &patches;
        if (!place.compare_exchange_strong(mine, nullptr))
            continue;
        if (watching.fetch_sub(1) == 1)
            lookups->restore();
    }
    patches.restore();
}

void loads_forget_after_fork() {
    watching.store(0);
    for (auto &place : watched)
        place.store(nullptr);
    lookups->forget_after_fork();
}

} // namespace whet::probe
