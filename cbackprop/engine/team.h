/* A barrier for threads that train together: it spins briefly, then yields, and can be broken but never hangs. */
#ifndef CBACKPROP_TEAM_H
#define CBACKPROP_TEAM_H

#if defined(_MSC_VER)
#ifndef WIN32_LEAN_AND_MEAN /* without it windows.h defines words such as `small` and `min` */
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
typedef volatile long TeamCount;
#define TEAM_ADD(p) (InterlockedIncrement(p))
#define TEAM_LOAD(p) (InterlockedCompareExchange(p, 0, 0))
#define TEAM_STORE(p, value) ((void)InterlockedExchange(p, value))
#define TEAM_PAUSE() YieldProcessor()
#define TEAM_YIELD() ((void)SwitchToThread())
#else
#include <sched.h>
typedef long TeamCount;
#define TEAM_ADD(p) __atomic_add_fetch(p, 1, __ATOMIC_ACQ_REL)
#define TEAM_LOAD(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define TEAM_STORE(p, value) __atomic_store_n(p, value, __ATOMIC_RELEASE)
#if defined(__x86_64__) || defined(__i386__)
#define TEAM_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define TEAM_PAUSE() __asm__ __volatile__("yield")
#else
#define TEAM_PAUSE() ((void)0)
#endif
#define TEAM_YIELD() ((void)sched_yield())
#endif

#define TEAM_SPINS 4000

#define TEAM_LARGEST 256

typedef struct {
    double parts[TEAM_LARGEST]; /* a number of each thread's, to be read by all behind the next barrier */
    TeamCount size;
    char apart_1[64]; /* each count in a cache line of its own */
    TeamCount arrived;
    char apart_2[64];
    TeamCount generation;
    char apart_3[64];
    TeamCount broken;
} TeamBarrier;

static inline void team_begin(TeamBarrier *team, long size)
{
    team->size = size;
    TEAM_STORE(&team->arrived, 0);
    TEAM_STORE(&team->generation, 0);
    TEAM_STORE(&team->broken, 0);
}

/* Whoever waits, now or later, leaves at once. */
static inline void team_break(TeamBarrier *team)
{
    TEAM_STORE(&team->broken, 1);
}

/* Waits until all have arrived. Returns 1, or 0 if the team was broken. */
static inline int team_wait(TeamBarrier *team)
{
    long generation, spins = 0;
    if (team->size == 1) return 1;
    generation = TEAM_LOAD(&team->generation);
    if (TEAM_ADD(&team->arrived) == team->size) {
        TEAM_STORE(&team->arrived, 0);
        TEAM_STORE(&team->generation, generation + 1);
        return !TEAM_LOAD(&team->broken);
    }
    while (TEAM_LOAD(&team->generation) == generation) {
        if (TEAM_LOAD(&team->broken)) return 0;
        if (++spins < TEAM_SPINS) TEAM_PAUSE();
        else TEAM_YIELD();
    }
    return 1;
}

#endif
