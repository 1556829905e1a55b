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
#ifdef TEAM_RELAY
#include <semaphore.h>
#endif
#endif

#define TEAM_SPINS 4000 /* before a thread gives its core away, if there is a core for each; else far fewer */
#define TEAM_SPINS_CROWDED 40

#define TEAM_LARGEST 256

typedef struct { /* each count in a cache line of its own */
    TeamCount arrived;
    char apart_1[64];
    TeamCount generation;
    char apart_2[64];
} TeamMeeting;

typedef struct {
    double parts[TEAM_LARGEST]; /* a number of each thread's, to be read by all behind the next barrier */
    TeamCount size;
    char apart_1[64];
    TeamMeeting all;
    TeamCount broken;
    char apart_2[64];
    long spins;
    TeamMeeting *squads; /* of threads that wait for one another and for nobody else */
#ifdef TEAM_RELAY /* benchmarks/shares.py: one thread at a time, and how long each takes */
    struct {
        double turns[TEAM_LARGEST][2], began;
        long registered, holder;
        sem_t go[TEAM_LARGEST];
    } relay;
#endif
} TeamBarrier;

#ifdef TEAM_RELAY
#include TEAM_RELAY
#endif

/* Whether there are fewer cores than threads that want them: then one that waits soon gives its own away. Said while
   nobody waits. */
static inline void team_crowd(TeamBarrier *team, int crowded)
{
    team->spins = crowded ? TEAM_SPINS_CROWDED : TEAM_SPINS;
}

/* `squads` is memory for their meetings, as many as there are, or NULL without squads. */
static inline void team_begin(TeamBarrier *team, long size, TeamMeeting *squads, long n_squads)
{
    long squad;
    team->size = size;
    TEAM_STORE(&team->all.arrived, 0);
    TEAM_STORE(&team->all.generation, 0);
    team_crowd(team, 0);
    team->squads = squads;
    for (squad = 0; squads != NULL && squad < n_squads; squad++) {
        TEAM_STORE(&team->squads[squad].arrived, 0);
        TEAM_STORE(&team->squads[squad].generation, 0);
    }
    TEAM_STORE(&team->broken, 0);
#ifdef TEAM_RELAY
    relay_begin(team);
#endif
}

/* Whoever waits, now or later, leaves at once. */
static inline void team_break(TeamBarrier *team)
{
    TEAM_STORE(&team->broken, 1);
}

/* What a thread does at the beginning and at the end of a call in which it waits for others. */
#ifdef TEAM_RELAY
#define team_enter(team) relay_enter(team)
#define team_leave(team) relay_leave(team)
#else
#define team_enter(team) ((void)0)
#define team_leave(team) ((void)0)
#endif

/* Waits until `size` threads have arrived. Returns 1, or 0 if the team was broken. */
static inline int team_meet(TeamBarrier *team, TeamMeeting *meeting, long size)
{
    long generation, spins = 0;
    if (size == 1) return 1;
    generation = TEAM_LOAD(&meeting->generation);
    if (TEAM_ADD(&meeting->arrived) == size) {
        TEAM_STORE(&meeting->arrived, 0);
        TEAM_STORE(&meeting->generation, generation + 1);
        return !TEAM_LOAD(&team->broken);
    }
    while (TEAM_LOAD(&meeting->generation) == generation) {
        if (TEAM_LOAD(&team->broken)) return 0;
        if (++spins < team->spins) TEAM_PAUSE();
        else TEAM_YIELD();
    }
    return 1;
}

/* All of the team. */
static inline int team_wait(TeamBarrier *team)
{
#ifdef TEAM_RELAY
    if (team->relay.holder >= 0) return relay_wait(team, RELAY_EVERYBODY);
#endif
    return team_meet(team, &team->all, team->size);
}

/* The `size` threads of a squad, of which there are as many as the team has threads, divided by `size`. */
static inline int team_wait_squad(TeamBarrier *team, long squad, long size)
{
#ifdef TEAM_RELAY
    if (team->relay.holder >= 0 && size > 1) return relay_wait(team, squad);
#endif
    return size == 1 ? 1 : team_meet(team, &team->squads[squad], size);
}

#endif
