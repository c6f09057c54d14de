#include "probe/common/safe_read.hpp"

#include <csignal>
#include <cstring>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

// long whet_read_words(void *to, const void *from, size_t words): 0, or -1 after a fault.
extern "C" {
__attribute__((visibility("hidden"))) long whet_read_words(void *, const void *, size_t);
extern char whet_read_begin[], whet_read_end[], whet_read_fault[];
}

#if defined(__x86_64__)
__asm__(".text\n"
        ".hidden whet_read_words\n.globl whet_read_words\n.type whet_read_words,@function\n"
        "whet_read_words:\n"
        "  test %rdx,%rdx\n  jz 2f\n"
        ".hidden whet_read_begin\n.globl whet_read_begin\nwhet_read_begin:\n"
        "1:mov (%rsi),%rax\n  mov %rax,(%rdi)\n  add $8,%rsi\n  add $8,%rdi\n  dec %rdx\n  jnz 1b\n"
        ".hidden whet_read_end\n.globl whet_read_end\nwhet_read_end:\n"
        "2:xor %eax,%eax\n  ret\n"
        ".hidden whet_read_fault\n.globl whet_read_fault\nwhet_read_fault:\n"
        "  mov $-1,%rax\n  ret\n"
        ".size whet_read_words,.-whet_read_words\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".hidden whet_read_words\n.globl whet_read_words\n.type whet_read_words,%function\n"
        "whet_read_words:\n"
        "  cbz x2,2f\n"
        ".hidden whet_read_begin\n.globl whet_read_begin\nwhet_read_begin:\n"
        "1:ldr x3,[x1],#8\n  str x3,[x0],#8\n  subs x2,x2,#1\n  b.ne 1b\n"
        ".hidden whet_read_end\n.globl whet_read_end\nwhet_read_end:\n"
        "2:mov x0,#0\n  ret\n"
        ".hidden whet_read_fault\n.globl whet_read_fault\nwhet_read_fault:\n"
        "  mov x0,#-1\n  ret\n"
        ".size whet_read_words,.-whet_read_words\n");
#else
extern "C" {
long whet_read_words(void *, const void *, size_t) { return -1; }
char whet_read_begin[1], whet_read_end[1], whet_read_fault[1];
}
#endif

namespace whet::probe {
namespace {

constexpr uintptr_t FIRST_PAGE = 4096;
struct sigaction previous_segv, previous_bus;
int users = 0;

uintptr_t *instruction_pointer(void *context) {
    auto *uc = static_cast<ucontext_t *>(context);
#if defined(__x86_64__)
    return reinterpret_cast<uintptr_t *>(&uc->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return reinterpret_cast<uintptr_t *>(&uc->uc_mcontext.pc);
#else
    (void)uc;
    return nullptr;
#endif
}

// A fault that is not ours belongs to whoever was there before: call them, or, for the default
// action, put it back and return, so that the instruction faults again and the process dies of
// it with its own signal and core dump.
void pass_on(int signal, siginfo_t *info, void *context) {
    const struct sigaction &old = signal == SIGSEGV ? previous_segv : previous_bus;
    if (old.sa_flags & SA_SIGINFO) {
        old.sa_sigaction(signal, info, context);
    } else if (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN) {
        struct sigaction fallback{};
        fallback.sa_handler = SIG_DFL;
        sigaction(signal, &fallback, nullptr);
        // A signal that was sent, not caused, does not repeat by itself.
        if (info->si_code <= 0)
            raise(signal);
    } else {
        old.sa_handler(signal);
    }
}

void on_fault(int signal, siginfo_t *info, void *context) {
    uintptr_t *ip = instruction_pointer(context);
    if (ip && *ip >= reinterpret_cast<uintptr_t>(whet_read_begin) &&
        *ip < reinterpret_cast<uintptr_t>(whet_read_end)) {
        *ip = reinterpret_cast<uintptr_t>(whet_read_fault);
        return;
    }
    pass_on(signal, info, context);
}

bool handler_is_ours(int signal) {
    struct sigaction now{};
    return sigaction(signal, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == on_fault;
}

} // namespace

bool fault_guard_install() {
    struct sigaction ours{};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&ours.sa_mask);
    if (!handler_is_ours(SIGSEGV) && sigaction(SIGSEGV, &ours, &previous_segv) != 0)
        return false;
    if (!handler_is_ours(SIGBUS) && sigaction(SIGBUS, &ours, &previous_bus) != 0)
        return false;
    ++users;
    return true;
}

void fault_guard_remove() {
    if (users == 0 || --users > 0)
        return;
    if (handler_is_ours(SIGSEGV))
        sigaction(SIGSEGV, &previous_segv, nullptr);
    if (handler_is_ours(SIGBUS))
        sigaction(SIGBUS, &previous_bus, nullptr);
}

void fault_guard_forget_after_fork() {
    if (users > 0) {
        users = 1;
        fault_guard_remove();
    }
}

bool fault_guard_is_ours() { return handler_is_ours(SIGSEGV); }

bool Reader::read(void *to, uintptr_t address, size_t size) const {
    if (address < FIRST_PAGE || (address & 7))
        return false;
    if (guarded_)
        return whet_read_words(to, reinterpret_cast<const void *>(address), size / 8) == 0;
    iovec local{to, size};
    iovec remote{reinterpret_cast<void *>(address), size};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

} // namespace whet::probe
