/* Stands in for the barrier of team.h where shares.py builds the engine: the threads of a team run one after the other,
   each from one barrier to the next. How long each one's turn took, and whom it met then, is written to the file that
   $CBACKPROP_RELAY names: two numbers for every thread, meeting after meeting. Linux. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RELAY_EVERYBODY (-1)

static inline double relay_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static inline void relay_begin(TeamBarrier *team)
{
    team->relay.registered = 0;
    team->relay.holder = -1;
    for (int i = 0; i < TEAM_LARGEST; i++) sem_init(&team->relay.go[i], 0, 0);
}

/* Until it is this thread's turn, or nobody's any more. */
static inline int relay_turn(TeamBarrier *team, long id)
{
    for (;;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 1;
        if (sem_timedwait(&team->relay.go[id], &until) == 0) break;
        if (TEAM_LOAD(&team->broken)) return 0;
    }
    team->relay.holder = id;
    team->relay.began = relay_now();
    return 1;
}

/* The last of a round writes down what all have taken. */
static inline void relay_meet(TeamBarrier *team)
{
    static FILE *file;
    if (file == NULL && getenv("CBACKPROP_RELAY") != NULL) file = fopen(getenv("CBACKPROP_RELAY"), "ab");
    if (file == NULL) return;
    fwrite(team->relay.turns, sizeof team->relay.turns[0], (size_t)team->size, file);
    fflush(file);
}

/* Only the holder of the turn comes here. */
static inline int relay_wait(TeamBarrier *team, long with)
{
    const long id = team->relay.holder;
    team->relay.turns[id][0] = relay_now() - team->relay.began;
    team->relay.turns[id][1] = (double)with;
    if (id == team->size - 1) relay_meet(team);
    sem_post(&team->relay.go[(id + 1) % team->size]);
    return relay_turn(team, id);
}

/* When all have come the turns begin. */
static inline void relay_enter(TeamBarrier *team)
{
    const long id = __atomic_fetch_add(&team->relay.registered, 1, __ATOMIC_ACQ_REL);
    if (id == team->size - 1) sem_post(&team->relay.go[0]);
    relay_turn(team, id);
}

/* The next call begins with turns of its own; until then the barrier is a barrier. */
static inline void relay_leave(TeamBarrier *team)
{
    const long id = team->relay.holder;
    if (id < team->size - 1) {
        sem_post(&team->relay.go[id + 1]);
        return;
    }
    team->relay.holder = -1;
    TEAM_STORE(&team->relay.registered, 0);
}
