#pragma once

/*
 * Settings by table
 *
 * A daemon lists its settings once; the file (INI, section "[hostd]" or "[policyd]") and KEY=VALUE arguments
 * (name as in the file, e.g. --set=bus=unix:path=…) fill them. An unknown key or a bad value is an error that names the file, the line, and what is
 * allowed.
 */

#include "common/base/macros.h"

typedef enum SettingType {
        SETTING_STRING,  /* char *, owned */
        SETTING_STRV,    /* char **, blank-separated */
        SETTING_U64,
        SETTING_SIZE,    /* uint64_t bytes, parse_size() */
        SETTING_SECONDS, /* uint64_t µs; "10", "500ms", "2min" */
        SETTING_BOOL,
} SettingType;

typedef struct Setting {
        const char *name;
        SettingType type;
        size_t offset;        /* in the settings struct */
        const char *fallback; /* text of the default, or NULL */
        const char *help;     /* one line */
} Setting;

/* Fills *settings with the defaults. */
int settings_init(const Setting *table, size_t n, void *settings);
/* Reads a file (missing: fine) and the arguments; logs the offender and returns -EINVAL. */
int settings_load(const Setting *table, size_t n, const char *section, const char *path, const char *const *args, void *settings);
/*
 * After a reload: fresh is what the file and the arguments say now. Settings that are named in live (NULL-terminated) get
 * their new value in running, and fresh gets the old one; the others keep theirs until a restart. Each that has changed is
 * logged. unit: what to restart, for the log.
 */
void settings_take(const Setting *table, size_t n, const char *const *live, const char *unit, void *running, void *fresh);
void settings_done(const Setting *table, size_t n, void *settings);
