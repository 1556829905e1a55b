# cython: language_level=3
"""Where threads are: their instruction pointers, asked for by signal at irregular times. Linux on x86-64 or AArch64."""

from libc.stdint cimport uintptr_t

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <pthread.h>
    #include <signal.h>
    #include <stdint.h>
    #include <string.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <ucontext.h>
    #include <unistd.h>

    #define CAPACITY (1 << 18)
    #define MOST_THREADS 64

    static uintptr_t sampled[CAPACITY][2];
    static long n_sampled, threads[MOST_THREADS], n_threads, interval;
    static volatile int running;
    static pthread_t sampler;
    static struct sigaction before;

    /* Where the thread is, and what stands on top of its stack or in its link register: in a leaf function (memcpy,
       sched_yield) that is where it was called from. */
    static void take(int signal, siginfo_t *info, void *context)
    {
        int saved = errno;
        long at = __atomic_fetch_add(&n_sampled, 1, __ATOMIC_RELAXED);
        mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
        (void)signal, (void)info;
        if (at < CAPACITY) {
    #if defined(__x86_64__)
            sampled[at][0] = (uintptr_t)machine->gregs[REG_RIP];
            sampled[at][1] = *(uintptr_t *)machine->gregs[REG_RSP];
    #elif defined(__aarch64__)
            sampled[at][0] = (uintptr_t)machine->pc;
            sampled[at][1] = (uintptr_t)machine->regs[30];
    #else
    #error "x86-64 or AArch64 is needed"
    #endif
        }
        errno = saved;
    }

    static void *sample(void *unused)
    {
        uint64_t state = 88172645463325252ull;
        (void)unused;
        while (running) {
            struct timespec pause = {0, 0};
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            pause.tv_nsec = interval / 2 + (long)(state % (uint64_t)interval);
            nanosleep(&pause, NULL);
            for (long i = 0; i < n_threads; i++) syscall(SYS_tgkill, getpid(), threads[i], SIGPROF);
        }
        return NULL;
    }

    static int sampler_start(void)
    {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = take;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        if (sigaction(SIGPROF, &action, &before) != 0) return errno;
        n_sampled = 0;
        running = 1;
        return pthread_create(&sampler, NULL, sample, NULL);
    }

    static long sampler_stop(void)
    {
        struct timespec settle = {0, 20000000};
        running = 0;
        pthread_join(sampler, NULL);
        nanosleep(&settle, NULL); /* the last signals arrive */
        sigaction(SIGPROF, &before, NULL);
        return n_sampled < CAPACITY ? n_sampled : CAPACITY;
    }
    """
    uintptr_t sampled[][2]
    long threads[]
    long n_threads
    long interval
    long MOST_THREADS
    int sampler_start()
    long sampler_stop() nogil


def start(ids, long microseconds):
    """Sample these threads (native ids) about every so many microseconds."""
    global n_threads, interval
    if not 0 < len(ids) <= MOST_THREADS:
        raise ValueError(f"between 1 and {MOST_THREADS} threads can be sampled, got {len(ids)}")
    for i, thread in enumerate(ids):
        threads[i] = thread
    n_threads = len(ids)
    interval = 1000 * microseconds
    error = sampler_start()
    if error:
        raise OSError(error, "no sampling thread")


def stop():
    """Pairs (address, return address if the function is a leaf)."""
    cdef long n, i
    with nogil:
        n = sampler_stop()
    return [(sampled[i][0], sampled[i][1]) for i in range(n)]
