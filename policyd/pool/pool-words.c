/*
 * The words of the model's enums
 *
 * One table for each enum; readers accept what the tables hold, and group_algorithm_from_string() also the
 * older spelling with underscores, in any case, as XenServer's command line does.
 */

#include <ctype.h>

#include "policyd/pool/pool.h"

#define DEFINE_TO_STRING(name, Type, table)                                                                  \
        const char *name(Type value) {                                                                       \
                return (size_t) value < ARRAY_SIZE(table) ? table[value] : NULL;                             \
        }

#define CLASS_WORD(class, x, type, word) [CLASS_##class] = word,

static const char *const object_classes[_CLASS_MAX] = {POOL_CLASSES(CLASS_WORD)};

static const char *const host_states[_HOST_STATE_MAX] = {
        [HOST_CONNECTING] = "connecting",
        [HOST_ONLINE] = "online",
        [HOST_OFFLINE] = "offline",
};

static const char *const place_standings[_PLACE_STANDING_MAX] = {
        [PLACE_GOOD] = "good",
        [PLACE_LAST] = "last",
        [PLACE_SUSPECT] = "suspect",
};

static const char *const pgpu_healths[_PGPU_HEALTH_MAX] = {
        [PGPU_HEALTH_GOOD] = "good",
        [PGPU_HEALTH_SUSPECT] = "suspect",
        [PGPU_HEALTH_LOST] = "lost",
};

static const char *const group_algorithms[_GROUP_ALGORITHM_MAX] = {
        [ALGORITHM_DEPTH_FIRST] = "depth-first",
        [ALGORITHM_BREADTH_FIRST] = "breadth-first",
        [ALGORITHM_BEST_FIT] = "best-fit",
};

static const char *const placements[_VM_PLACEMENT_MAX] = {
        [PLACEMENT_NORMAL] = "normal",
        [PLACEMENT_ANTI_AFFINITY] = "anti_affinity",
};

static const char *const power_states[_POWER_STATE_MAX] = {
        [POWER_HALTED] = "halted",
        [POWER_RUNNING] = "running",
        [POWER_PAUSED] = "paused",
};

static const char *const booking_states[_BOOKING_STATE_MAX] = {
        [BOOKING_NONE] = "none",
        [BOOKING_RESERVED] = "reserved",
        [BOOKING_SENT] = "sent",
        [BOOKING_RESIDENT] = "resident",
};

static const char *const job_states[_JOB_STATE_MAX] = {
        [JOB_PENDING] = "pending",
        [JOB_RUNNING] = "running",
        [JOB_DONE] = "done",
        [JOB_FAILED] = "failed",
        [JOB_CANCELLED] = "cancelled",
};

DEFINE_TO_STRING(object_class_to_string, ObjectClass, object_classes)
DEFINE_TO_STRING(host_state_to_string, HostState, host_states)
DEFINE_TO_STRING(place_standing_to_string, PlaceStanding, place_standings)
DEFINE_TO_STRING(pgpu_health_to_string, PgpuHealth, pgpu_healths)
DEFINE_TO_STRING(group_algorithm_to_string, GroupAlgorithm, group_algorithms)
DEFINE_TO_STRING(placement_to_string, VmPlacement, placements)
DEFINE_TO_STRING(power_state_to_string, PowerState, power_states)
DEFINE_TO_STRING(booking_state_to_string, BookingState, booking_states)
DEFINE_TO_STRING(job_state_to_string, JobState, job_states)

static int word_find(const char *const *table, size_t n, const char *text) {
        for (size_t i = 0; text && i < n; i++)
                if (streq(table[i], text))
                        return (int) i;

        return -EINVAL;
}

ObjectClass object_class_from_string(const char *text) {
        return word_find(object_classes, ARRAY_SIZE(object_classes), text);
}

PgpuHealth pgpu_health_from_string(const char *text) {
        return word_find(pgpu_healths, ARRAY_SIZE(pgpu_healths), text);
}

JobState job_state_from_string(const char *text) {
        return word_find(job_states, ARRAY_SIZE(job_states), text);
}

BookingState booking_state_from_string(const char *text) {
        return word_find(booking_states, ARRAY_SIZE(booking_states), text);
}

PowerState power_state_from_string(const char *text) {
        return word_find(power_states, ARRAY_SIZE(power_states), text);
}

/* A word of people: in any case, with dashes or underscores. */
static int word_find_spelled(const char *const *table, size_t n, const char *text, char from, char to) {
        char word[16];
        size_t i;

        if (!text || strlen(text) >= sizeof(word))
                return -EINVAL;

        for (i = 0; text[i]; i++)
                word[i] = text[i] == from ? to : (char) tolower((unsigned char) text[i]);
        word[i] = '\0';

        return word_find(table, n, word);
}

GroupAlgorithm group_algorithm_from_string(const char *text) {
        return word_find_spelled(group_algorithms, ARRAY_SIZE(group_algorithms), text, '_', '-');
}

VmPlacement placement_from_string(const char *text) {
        return word_find_spelled(placements, ARRAY_SIZE(placements), text, '-', '_');
}
