/*
 * The words of the model's enums
 *
 * One table for each enum; readers accept what the tables hold, and group_algorithm_from_string() also the
 * older spelling with underscores, in any case, as XenServer's command line does.
 */

#include <ctype.h>

#include "policyd/pool/pool.h"

#define CLASS_WORD(class, x, type, word) [CLASS_##class] = word,

static const char *const object_class_names[_CLASS_MAX] = {POOL_CLASSES(CLASS_WORD)};

static const char *const host_state_names[_HOST_STATE_MAX] = {
        [HOST_CONNECTING] = "connecting",
        [HOST_ONLINE] = "online",
        [HOST_OFFLINE] = "offline",
};

static const char *const place_standing_names[_PLACE_STANDING_MAX] = {
        [PLACE_GOOD] = "good",
        [PLACE_LAST] = "last",
        [PLACE_SUSPECT] = "suspect",
};

static const char *const pgpu_health_names[_PGPU_HEALTH_MAX] = {
        [PGPU_HEALTH_GOOD] = "good",
        [PGPU_HEALTH_SUSPECT] = "suspect",
        [PGPU_HEALTH_LOST] = "lost",
};

static const char *const group_algorithm_names[_GROUP_ALGORITHM_MAX] = {
        [ALGORITHM_DEPTH_FIRST] = "depth-first",
        [ALGORITHM_BREADTH_FIRST] = "breadth-first",
        [ALGORITHM_BEST_FIT] = "best-fit",
};

static const char *const placement_names[_VM_PLACEMENT_MAX] = {
        [PLACEMENT_NORMAL] = "normal",
        [PLACEMENT_ANTI_AFFINITY] = "anti_affinity",
};

static const char *const power_state_names[_POWER_STATE_MAX] = {
        [POWER_HALTED] = "halted",
        [POWER_RUNNING] = "running",
        [POWER_PAUSED] = "paused",
};

static const char *const booking_state_names[_BOOKING_STATE_MAX] = {
        [BOOKING_NONE] = "none",
        [BOOKING_RESERVED] = "reserved",
        [BOOKING_SENT] = "sent",
        [BOOKING_RESIDENT] = "resident",
};

static const char *const job_state_names[_JOB_STATE_MAX] = {
        [JOB_PENDING] = "pending",
        [JOB_RUNNING] = "running",
        [JOB_DONE] = "done",
        [JOB_FAILED] = "failed",
        [JOB_CANCELLED] = "cancelled",
};

#define TABLE(prefix) const WordTable prefix##_words = {.words = prefix##_names, .n = ARRAY_SIZE(prefix##_names)};
TABLE(object_class)
TABLE(group_algorithm)
TABLE(placement)
TABLE(power_state)
TABLE(booking_state)
TABLE(job_state)
TABLE(host_state)
static TABLE(place_standing)
static TABLE(pgpu_health)

DEFINE_WORDS(object_class, ObjectClass, object_class_words)
DEFINE_WORDS(power_state, PowerState, power_state_words)
DEFINE_WORDS(booking_state, BookingState, booking_state_words)
DEFINE_WORDS(job_state, JobState, job_state_words)
DEFINE_WORDS(pgpu_health, PgpuHealth, pgpu_health_words)

const char *host_state_to_string(HostState s) {
        return word_of_value(&host_state_words, s);
}

const char *place_standing_to_string(PlaceStanding s) {
        return word_of_value(&place_standing_words, s);
}

const char *group_algorithm_to_string(GroupAlgorithm a) {
        return word_of_value(&group_algorithm_words, a);
}

const char *placement_to_string(VmPlacement p) {
        return word_of_value(&placement_words, p);
}

/* A word of people: in any case, with dashes or underscores. */
static int word_find_spelled(const WordTable *table, const char *text, char from, char to) {
        char word[16];
        size_t i;

        if (!text || strlen(text) >= sizeof(word))
                return -EINVAL;

        for (i = 0; text[i]; i++)
                word[i] = text[i] == from ? to : (char) tolower((unsigned char) text[i]);
        word[i] = '\0';

        return word_to_value(table, word);
}

GroupAlgorithm group_algorithm_from_string(const char *text) {
        return word_find_spelled(&group_algorithm_words, text, '_', '-');
}

VmPlacement placement_from_string(const char *text) {
        return word_find_spelled(&placement_words, text, '-', '_');
}
