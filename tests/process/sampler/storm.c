/* A storm of sampling signals, for the stress test.

   storm_start(interval_ns) starts a thread that looks up the sampler's timers in /proc/self/timers and
   sends the same signals to the same threads, round robin, one every interval; threads that have ended
   since are hit too. storm_stop() ends it and returns how many were sent. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TARGETS = 4096 };
struct target {
    int signal, tid;
    void *value;
};
static struct target targets[MAX_TARGETS];
static volatile int stopping;
static long interval, sent;
static pthread_t thread;

static int look_up(void) {
    FILE *file = fopen("/proc/self/timers", "r");
    if (!file)
        return 0;
    char line[256];
    int count = 0;
    struct target t = {0};
    while (count < MAX_TARGETS && fgets(line, sizeof line, file)) {
        if (sscanf(line, "signal: %d/%p", &t.signal, &t.value) == 2)
            continue;
        if (sscanf(line, "notify: signal/tid.%d", &t.tid) == 1)
            targets[count++] = t;
    }
    fclose(file);
    return count;
}

static long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void *storm(void *unused) {
    (void)unused;
    int count = 0;
    long looked = 0, due = now_ns();
    while (!stopping) {
        if (now_ns() - looked > 20000000) {
            count = look_up();
            looked = now_ns();
        }
        for (int i = 0; i < count && !stopping; i++) {
            siginfo_t info;
            memset(&info, 0, sizeof info);
            info.si_signo = targets[i].signal;
            info.si_code = SI_QUEUE;
            info.si_pid = getpid();
            info.si_value.sival_ptr = targets[i].value;
            if (syscall(SYS_rt_tgsigqueueinfo, getpid(), targets[i].tid, targets[i].signal, &info) == 0)
                sent++;
            due += interval;
            while (now_ns() < due)
                sched_yield();
        }
        if (!count)
            usleep(1000);
        due = now_ns();
    }
    return 0;
}

int storm_start(long interval_ns) {
    sigset_t all, before;
    interval = interval_ns;
    stopping = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, 0, storm, 0);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    return error;
}

long storm_stop(void) {
    stopping = 1;
    pthread_join(thread, 0);
    return sent;
}
