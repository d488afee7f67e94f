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
const WordTable object_class_words = {.words = object_class_names, .n = _CLASS_MAX};
DEFINE_WORD_TABLE(host_state_words, HOST_STATES)
DEFINE_WORD_TABLE(place_standing_words, PLACE_STANDINGS)
DEFINE_WORD_TABLE(pgpu_health_words, PGPU_HEALTHS)
DEFINE_WORD_TABLE(group_algorithm_words, GROUP_ALGORITHMS)
DEFINE_WORD_TABLE(placement_words, PLACEMENTS)
DEFINE_WORD_TABLE(power_state_words, POWER_STATES)
DEFINE_WORD_TABLE(booking_state_words, BOOKING_STATES)
DEFINE_WORD_TABLE(job_state_words, JOB_STATES)

DEFINE_WORDS(object_class, ObjectClass, object_class_words)
DEFINE_WORDS(job_state, JobState, job_state_words)
DEFINE_WORDS(pgpu_health, PgpuHealth, pgpu_health_words)

#define DEFINE_TO_STRING(prefix, T)                                                                          \
        const char *prefix##_to_string(T value) {                                                            \
                return word_of_value(&prefix##_words, (int) value);                                          \
        }
DEFINE_TO_STRING(host_state, HostState)
DEFINE_TO_STRING(place_standing, PlaceStanding)
DEFINE_TO_STRING(group_algorithm, GroupAlgorithm)
DEFINE_TO_STRING(placement, VmPlacement)
DEFINE_TO_STRING(power_state, PowerState)
DEFINE_TO_STRING(booking_state, BookingState)

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
