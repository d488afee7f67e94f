#pragma once

/*
 * The words that properties of type WORD(), and a PGPU's health, take, in lists that whoever needs them expands (common/base/words.h)
 *
 * policyd/pool makes enums of them, and the command line knows which words there are.
 */

#define HOST_STATES(W) W(HOST_CONNECTING, "connecting") W(HOST_ONLINE, "online") W(HOST_OFFLINE, "offline")

#define GROUP_ALGORITHMS(W)                                                                                   \
        W(ALGORITHM_DEPTH_FIRST, "depth-first") W(ALGORITHM_BREADTH_FIRST, "breadth-first") W(ALGORITHM_BEST_FIT, "best-fit")

#define PGPU_HEALTHS(W) W(PGPU_HEALTH_GOOD, "good") W(PGPU_HEALTH_SUSPECT, "suspect") W(PGPU_HEALTH_LOST, "lost")

#define POWER_STATES(W) W(POWER_HALTED, "halted") W(POWER_RUNNING, "running") W(POWER_PAUSED, "paused")

#define PLACEMENTS(W) W(PLACEMENT_NORMAL, "normal") W(PLACEMENT_ANTI_AFFINITY, "anti_affinity")

#define JOB_STATES(W)                                                                                         \
        W(JOB_PENDING, "pending") W(JOB_RUNNING, "running") W(JOB_DONE, "done") W(JOB_FAILED, "failed")       \
        W(JOB_CANCELLED, "cancelled")
