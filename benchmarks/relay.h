/* Stands in for the barrier of team.h where shares.py builds the engine: the threads of a team run one after the other,
   each from one barrier to the next, and every thread has a clock of its own, which counts only its own turns. At a
   barrier the clocks of those who meet there go on from the latest of them: what the team would take if each thread had
   a core. The times of the barriers that all meet at are written to the file that $CBACKPROP_RELAY names. Linux. */
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
    team->relay.busy = team->relay.meetings = 0.0;
    team->relay.holder = -1;
    for (int i = 0; i < TEAM_LARGEST; i++) {
        team->relay.clock[i] = 0.0;
        sem_init(&team->relay.go[i], 0, 0);
    }
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

/* The last of a round: the clocks of those who met go on together. */
static inline void relay_meet(TeamBarrier *team)
{
    static FILE *file;
    const long size = team->size;
    double latest = 0.0;
    int everybody = 1;
    for (long i = 0; i < size; i++) {
        double among = 0.0;
        everybody &= team->relay.with[i] == RELAY_EVERYBODY;
        for (long j = 0; j < size; j++)
            if (team->relay.with[j] == team->relay.with[i] && team->relay.clock[j] > among)
                among = team->relay.clock[j];
        team->relay.next[i] = among;
        if (among > latest) latest = among;
    }
    for (long i = 0; i < size; i++) team->relay.clock[i] = team->relay.next[i];
    team->relay.meetings++;
    if (!everybody) return;
    if (file == NULL && getenv("CBACKPROP_RELAY") != NULL) file = fopen(getenv("CBACKPROP_RELAY"), "ab");
    if (file != NULL) {
        const double line[3] = {latest, team->relay.busy, team->relay.meetings};
        fwrite(line, sizeof line, 1, file);
        fflush(file);
    }
}

/* Only the holder of the turn comes here. */
static inline int relay_wait(TeamBarrier *team, long with)
{
    const double now = relay_now();
    const long id = team->relay.holder;
    team->relay.clock[id] += now - team->relay.began;
    team->relay.busy += now - team->relay.began;
    team->relay.with[id] = with;
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
