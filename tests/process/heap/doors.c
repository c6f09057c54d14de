/* Every door of libc's memory, each with a size of its own. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *volatile early;
static volatile size_t many = (size_t)1 << 40;

/* Before recording began. */
void doors_before(void) { early = malloc(7000); }

int doors(void) {
    void *p, *q;
    free(early);
    p = malloc(100000);
    p = realloc(p, 200000);
    p = realloc(p, 50000);
    p = reallocarray(p, 10, 11000);
    if (reallocarray(p, many, many))
        return 1;
    free(p);
    free(calloc(10, 13000));
    if (posix_memalign(&p, 4096, 150000) || posix_memalign(&q, 3, 150000) == 0)
        return 2;
    p = realloc(p, 170000);
    free(p);
    free(aligned_alloc(64, 640000));
    free(memalign(64, 750000));
    q = malloc(23000);
    if (realloc(q, 0))
        return 3;
    q = strdup("libc hands it out, we give it back");
    free(q);
    p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p = mremap(p, 1 << 20, 1 << 21, MREMAP_MAYMOVE);
    munmap(p, 1 << 21);
    p = mmap(NULL, 1 << 22, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(p, 1 << 22);
    p = mmap(NULL, 3 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(p, 1 << 20);
    early = malloc(91000);
    return 0;
}

/* After recording ended. */
void doors_after(void) { free(early); }
