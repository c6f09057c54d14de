#include <Python.h>

#include "probe/bench/allocations.hpp"

#include <array>
#include <atomic>

namespace whet::probe {
namespace {

constexpr std::array DOMAINS{PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};

std::array<PyMemAllocatorEx, DOMAINS.size()> originals;
bool hooked = false;
std::atomic<int64_t> objects{0}, bytes{0};
// Inside an allocator that may pass the request on to another domain.
thread_local int depth __attribute__((tls_model("initial-exec"))) = 0;

class Counted {
  public:
    explicit Counted(size_t size) {
        if (depth++ == 0) {
            objects.fetch_add(1, std::memory_order_relaxed);
            bytes.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
        }
    }
    ~Counted() { --depth; }
    Counted(const Counted &) = delete;
    Counted &operator=(const Counted &) = delete;
};

const PyMemAllocatorEx &original(void *context) { return *static_cast<PyMemAllocatorEx *>(context); }

void *counted_malloc(void *context, size_t size) {
    Counted counted(size);
    return original(context).malloc(original(context).ctx, size);
}

void *counted_calloc(void *context, size_t count, size_t size) {
    Counted counted(count * size);
    return original(context).calloc(original(context).ctx, count, size);
}

void *counted_realloc(void *context, void *pointer, size_t size) {
    Counted counted(size);
    return original(context).realloc(original(context).ctx, pointer, size);
}

void counted_free(void *context, void *pointer) { original(context).free(original(context).ctx, pointer); }

} // namespace

void allocations_start() {
    objects.store(0);
    bytes.store(0);
    if (hooked)
        return;
    hooked = true;
    for (size_t i = 0; i < DOMAINS.size(); ++i) {
        PyMem_GetAllocator(DOMAINS[i], &originals[i]);
        PyMemAllocatorEx ours{&originals[i], counted_malloc, counted_calloc, counted_realloc, counted_free};
        PyMem_SetAllocator(DOMAINS[i], &ours);
    }
}

AllocationCount allocations_stop() {
    AllocationCount count{objects.load(), bytes.load()};
    if (!hooked)
        return {};
    hooked = false;
    for (size_t i = 0; i < DOMAINS.size(); ++i)
        PyMem_SetAllocator(DOMAINS[i], &originals[i]);
    return count;
}

} // namespace whet::probe
