/* Many threads at the barrier of the real team.h, with breaks at random moments.

   Built with -fsanitize=thread by tools/race.py. Every round each thread writes its own cell, waits, reads the cells
   of all others, and waits again: what a training step does with rows, deltas and parameters. A cell that is not of
   this round, or a race that ThreadSanitizer sees, is an error of the barrier. In some games one thread, or an
   outsider, breaks the team at a random round; then every thread must come back, which the alarm makes sure of.
   With -DPLANTED the second wait is left out, and there is a race to be reported. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "team.h"

enum { MOST = 8 };

static TeamBarrier team;
static TeamMeeting meetings[MOST];
static long cells[MOST][16], squads[MOST][16];
static long n_rounds, size, breaker, breaks_at, squad_size;

typedef struct {
    long thread, rounds, errors;
    int broken;
} Result;

static unsigned long state = 88172645463325252ul;

static unsigned long drawn(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void *work(void *argument)
{
    Result *result = argument;
    const long first = result->thread / squad_size * squad_size;
    long round, other;
    for (round = 1; round <= n_rounds; round++) {
        if (result->thread == breaker && round == breaks_at) {
            team_break(&team);
            result->broken = 1;
            return NULL;
        }
        cells[result->thread][0] = round;
        team.parts[result->thread] = (double)round;
        if (!team_wait(&team)) {
            result->broken = 1;
            return NULL;
        }
        for (other = 0; other < size; other++)
            if (cells[other][0] != round || team.parts[other] != (double)round) result->errors++;
        /* Within a squad: what its threads write between two waits of their own, the others see. */
        squads[result->thread][0] = round;
        if (!team_wait_squad(&team, first / squad_size, squad_size)) {
            result->broken = 1;
            return NULL;
        }
        for (other = first; other < first + squad_size; other++)
            if (squads[other][0] != round) result->errors++;
#if !defined(PLANTED)
        if (!team_wait(&team)) {
            result->broken = 1;
            return NULL;
        }
#endif
        result->rounds++;
    }
    return NULL;
}

/* One game of a new team. Returns the number of errors. */
static long play(long *rounds, long *broken)
{
    pthread_t threads[MOST];
    Result results[MOST];
    long thread, errors = 0, outsider, seen = 0;
    size = 1 + (long)(drawn() % MOST);
    do squad_size = 1 + (long)(drawn() % (unsigned long)size);
    while (size % squad_size);
    n_rounds = 1 + (long)(drawn() % 40);
    breaker = drawn() % 2 ? (long)(drawn() % (unsigned long)size) : -1;
    breaks_at = 1 + (long)(drawn() % (unsigned long)n_rounds);
    outsider = drawn() % 4 == 0;
    team_begin(&team, size, squad_size > 1 ? meetings : NULL, size / squad_size);
    team_crowd(&team, (int)(drawn() % 2));
    for (thread = 0; thread < size; thread++) {
        results[thread] = (Result){thread, 0, 0, 0};
        cells[thread][0] = squads[thread][0] = 0;
        if (pthread_create(&threads[thread], NULL, work, &results[thread])) return 1;
    }
    if (outsider) {
        usleep((useconds_t)(drawn() % 200));
        team_break(&team);
    }
    for (thread = 0; thread < size; thread++) pthread_join(threads[thread], NULL);
    for (thread = 0; thread < size; thread++) {
        errors += results[thread].errors;
        *rounds += results[thread].rounds;
        seen |= results[thread].broken;
        /* Without a break everybody gets through all rounds. */
        if (breaker < 0 && !outsider && results[thread].rounds != n_rounds) errors++;
        /* Behind a thread that broke the team nobody is more than a step ahead of it. */
        if (breaker >= 0 && results[thread].rounds > breaks_at - 1) errors += size > 1;
    }
    *broken += seen;
    return errors;
}

int main(int count, char **arguments)
{
    long game, games = count > 1 ? atol(arguments[1]) : 1000, errors = 0, rounds = 0, broken = 0;
    if (count > 2) state += 2654435761ul * (unsigned long)atol(arguments[2]);
    for (game = 0; game < games; game++) {
        alarm(60); /* ends the program where somebody waits for good */
        errors += play(&rounds, &broken);
    }
    printf("games %ld rounds %ld broken %ld errors %ld\n", games, rounds, broken, errors);
    return errors != 0;
}
