#pragma once

/*
 * The loop of one process, on the loop of all
 *
 * Its clock and its chance are those of all. It ends alone: once it was told to exit nothing on it is called any more, and whoever
 * plays the process hears of that. A process may be killed between any two of its events: there the loop stops after so many
 * calls. It may be frozen: what rings meanwhile is called when it is thawed, in that order.
 */

#include "common/base/loop.h"

typedef struct ProcessTimer ProcessTimer;

typedef struct ProcessLoop {
        Loop loop;
        Loop *all; /* borrowed */
        void (*ended)(int status, void *userdata); /* from the loop of all, once */
        void *userdata;

        uint64_t ahead; /* µs, wraps around: its wall clock before that of all */
        uint64_t calls_left; /* then it is killed; 0: by nothing */
        unsigned within_left; /* the same; only calls that follow another in the same instant */
        uint64_t *count;      /* one more is added then */
        uint64_t called;      /* when, last */
        bool is_frozen;
        ProcessTimer *first, *last; /* that rang meanwhile */
        bool is_over;
        int status;
        LoopTimer *ending;
} ProcessLoop;

#define PROCESS_KILLED (-EINTR) /* its status then */

void process_loop_init(ProcessLoop *p, Loop *all, void (*ended)(int status, void *userdata), void *userdata);
void process_loop_kill(ProcessLoop *p); /* ended() is called soon */
void process_loop_freeze(ProcessLoop *p);
void process_loop_thaw(ProcessLoop *p);
void process_loop_done(ProcessLoop *p);

/* What comes next, of a thing that does one after another: a timer that calls another function each time. Zeroed is ready for use. */
typedef struct Step {
        LoopTimer *timer;
        LoopFunction then;
        void *userdata;
} Step;

void step_in(Loop *loop, Step *s, uint64_t usec, LoopFunction then, void *userdata);
void step_stop(Step *s);
void step_done(Step *s);
