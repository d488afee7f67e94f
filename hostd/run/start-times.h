#pragma once

/*
 * How long each stage of a VM's start took
 *
 * The program that does the start notes when it enters a stage; the time until the next one counts for it,
 * also if a program died meanwhile. hostd counts until the domain program works, which continues in its run
 * record; start_times_join() makes one account of the two. Times are CLOCK_MONOTONIC, µs: they mean the same
 * in both, and hold over restarts of either, but not over a reboot, which no start outlives.
 */

#include "protocol/event.h"
#include "protocol/record.h"

/* All zero: nothing was counted yet. */
typedef struct StartTimes {
        uint64_t began;   /* the first stage was entered; 0: none was */
        uint64_t since;   /* the present one was; 0: the start is over */
        StartStage stage; /* the present one */
        uint64_t spent[_START_STAGE_MAX];
} StartTimes;

void start_times_enter(StartTimes *t, StartStage stage, uint64_t now);
void start_times_end(StartTimes *t, uint64_t now);

/* Ours until theirs begins, then theirs. What we did not see (ours is all zero) is missing. */
void start_times_join(StartTimes *ours, const StartTimes *theirs);

uint64_t start_times_total(const StartTimes *t);
/* The stages that took time, in their order: "prepare 0.10, create 1.13", seconds; as fields "prepare=100
 * create=1130", ms. */
int start_times_to_text(const StartTimes *t, char **ret);
int start_times_to_fields(const StartTimes *t, char **ret);

/* In the run record: {"began":µs,"since":µs,"stage":"create","spent":{"prepare":µs}}. Absent: all zero. */
extern const RecordTable start_times_table;
