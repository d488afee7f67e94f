/*
 * Settings by table
 *
 * A value stays text until the table says its type. Each problem is logged at once, with the file and line or
 * the argument, and reading goes on, so that one start shows every mistake.
 */

#include <stdio.h>

#include "common/daemon/log.h"
#include "common/daemon/settings.h"
#include "common/base/ini.h"
#include "common/io/file.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/strlist.h"

#define SETTINGS_FILE_MAX (256u << 10)
#define USEC_PER_SEC UINT64_C(1000000)

static int parse_seconds(const char *text, uint64_t *ret) {
        static const struct {
                const char *suffix;
                uint64_t usec;
        } units[] = {
                { "", USEC_PER_SEC },         { "us", 1 },
                { "ms", 1000 },               { "s", USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC },
        };
        size_t n = strspn(text, "0123456789");
        _cleanup_free_ char *digits = strndup(text, n);
        uint64_t value;
        int r;

        if (!digits)
                return -ENOMEM;
        r = parse_u64(digits, &value);
        if (r < 0)
                return r;

        text += n;
        text += strspn(text, " ");
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (streq(text, units[i].suffix))
                        return __builtin_mul_overflow(value, units[i].usec, ret) ? -ERANGE : 0;
        return -EINVAL;
}

static const char *allowed(SettingType type) {
        switch (type) {
        case SETTING_STRING:
                return "any text";
        case SETTING_STRV:
                return "words, separated by blanks";
        case SETTING_U64:
                return "a whole number";
        case SETTING_SIZE:
                return "a size, such as 512MiB or 4GiB";
        case SETTING_SECONDS:
                return "a time, such as 10, 500ms or 2min";
        case SETTING_BOOL:
                return "yes or no";
        }
        return "";
}

static int assign(const Setting *s, void *settings, const char *text) {
        char *field = (char *) settings + s->offset;
        _cleanup_strlist_ StrList words = {};
        char **v, *copy;
        int r;

        switch (s->type) {
        case SETTING_STRING:
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
                free(*(char **) field);
                *(char **) field = copy;
                return 0;
        case SETTING_STRV:
                strlist_add_split(&words, text, " \t");
                r = strlist_take(&words, &v);
                if (r < 0)
                        return r;
                strv_free(*(char ***) field);
                *(char ***) field = v;
                return 0;
        case SETTING_U64:
                return parse_u64(text, (uint64_t *) field);
        case SETTING_SIZE:
                return parse_size(text, (uint64_t *) field);
        case SETTING_SECONDS:
                return parse_seconds(text, (uint64_t *) field);
        case SETTING_BOOL:
                return parse_boolean(text, (bool *) field);
        }
        return -EINVAL;
}

static const Setting *find_setting(const Setting *table, size_t n, const char *name, size_t length) {
        for (size_t i = 0; i < n; i++)
                if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
                        return table + i;
        return NULL;
}

/* "a, b and c": the names of the table. */
static char *list_names(const Setting *table, size_t n) {
        _cleanup_free_ const char **names = calloc(n + 1, sizeof(*names));

        if (!names)
                return NULL;
        for (size_t i = 0; i < n; i++)
                names[i] = table[i].name;
        return text_join_and(names, n);
}

/* where: "file:line" or the argument. */
static int set_one(const Setting *table, size_t n, void *settings, const char *where, const char *key,
        size_t key_length, const char *value) {
        const Setting *s = find_setting(table, n, key, key_length);
        int r;

        if (!s) {
                _cleanup_free_ char *names = list_names(table, n), *copy = strndup(key, key_length);

                log_error("%s: there is no setting '%s'; there are %s", where, strempty(copy), strempty(names));
                return -EINVAL;
        }

        r = assign(s, settings, value);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                log_error("%s: '%s' is no value for %s; it takes %s", where, value, s->name, allowed(s->type));
                return -EINVAL;
        }
        return 0;
}

typedef struct FileReading {
        const Setting *table;
        size_t n;
        const char *section, *path;
        void *settings;
        bool failed;
} FileReading;

static int on_assignment(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        FileReading *reading = userdata;
        _cleanup_free_ char *where = NULL;
        int r;

        if (asprintf(&where, "%s:%u", reading->path, line) < 0)
                return -ENOMEM;

        if (!key) {
                log_error("%s: '%s' is neither [section], key = value nor a comment", where, value);
                r = -EINVAL;
        } else if (isempty(section)) {
                log_error("%s: '%s' stands before the first section; write [%s] above it", where, key,
                        reading->section);
                r = -EINVAL;
        } else if (!streq(section, reading->section))
                return 0; /* one file may serve several programs */
        else
                r = set_one(reading->table, reading->n, reading->settings, where, key, strlen(key), value);

        if (r == -EINVAL) {
                reading->failed = true;
                return 0;
        }
        return r;
}

static int load_file(FileReading *reading) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read(reading->path, SETTINGS_FILE_MAX, &data, &size);
        if (r == -ENOENT)
                return 0;
        if (r == -EFBIG) {
                log_error("%s: larger than %u bytes", reading->path, SETTINGS_FILE_MAX);
                return -EINVAL;
        }
        if (r < 0)
                return log_errno(r, "Failed to read %s", reading->path);

        return ini_parse(data, size, on_assignment, reading);
}

int settings_init(const Setting *table, size_t n, void *settings) {
        for (size_t i = 0; i < n; i++) {
                int r;

                if (!table[i].fallback && table[i].type != SETTING_STRV)
                        continue;
                r = assign(table + i, settings, strempty(table[i].fallback));
                if (r < 0)
                        return r;
        }
        return 0;
}

int settings_load(const Setting *table, size_t n, const char *section, const char *path, const char *const *args,
        void *settings) {
        FileReading reading = { .table = table, .n = n, .section = section, .path = path, .settings = settings };
        int r;

        if (path) {
                r = load_file(&reading);
                if (r < 0)
                        return r;
        }

        for (; args && *args; args++) {
                const char *equals = strchr(*args, '=');

                if (!equals) {
                        log_error("'%s' is no setting: write KEY=VALUE", *args);
                        reading.failed = true;
                        continue;
                }
                r = set_one(table, n, settings, *args, *args, (size_t) (equals - *args), equals + 1);
                if (r == -EINVAL)
                        reading.failed = true;
                else if (r < 0)
                        return r;
        }

        return reading.failed ? -EINVAL : 0;
}

static void add_value(StrBuf *b, const Setting *s, const void *settings) {
        const char *field = (const char *) settings + s->offset;
        uint64_t number = 0;

        switch (s->type) {
        case SETTING_STRING:
                strbuf_add(b, strempty(*(char *const *) field));
                break;
        case SETTING_STRV:
                for (char *const *word = *(char *const *const *) field; word && *word; word++)
                        strbuf_addf(b, "%s%s", word == *(char *const *const *) field ? "" : " ", *word);
                break;
        case SETTING_U64:
        case SETTING_SIZE:
                memcpy(&number, field, sizeof(number));
                strbuf_addf(b, "%llu", (unsigned long long) number);
                break;
        case SETTING_SECONDS:
                memcpy(&number, field, sizeof(number));
                strbuf_addf(b, "%g s", (double) number / (double) USEC_PER_SEC);
                break;
        case SETTING_BOOL:
                strbuf_add(b, *(const bool *) field ? "yes" : "no");
                break;
        }
}

static size_t value_size(SettingType type) {
        switch (type) {
        case SETTING_STRING:
        case SETTING_STRV:
                return sizeof(char *);
        case SETTING_U64:
        case SETTING_SIZE:
        case SETTING_SECONDS:
                return sizeof(uint64_t);
        case SETTING_BOOL:
                return sizeof(bool);
        }
        return 0;
}

static void swap_values(const Setting *s, void *a, void *b) {
        char *x = (char *) a + s->offset, *y = (char *) b + s->offset, kept[sizeof(uint64_t)];
        size_t n = value_size(s->type);

        memcpy(kept, x, n);
        memcpy(x, y, n);
        memcpy(y, kept, n);
}

void settings_take(const Setting *table, size_t n, const char *const *live, const char *unit, void *running, void *fresh) {
        size_t n_taken = 0, n_waiting = 0;

        for (size_t i = 0; i < n; i++) {
                _cleanup_strbuf_ StrBuf before = {}, now = {};

                strbuf_add(&before, "");
                add_value(&before, &table[i], running);
                strbuf_add(&now, "");
                add_value(&now, &table[i], fresh);
                if (before.error < 0 || now.error < 0 || streq(before.text, now.text))
                        continue;
                if (strv_contains((char *const *) live, table[i].name)) {
                        swap_values(&table[i], running, fresh);
                        n_taken++;
                        log_notice("Setting %s is now '%s', and was '%s'.", table[i].name, now.text, before.text);
                } else {
                        n_waiting++;
                        log_warning("Setting %s stays '%s' until %s is restarted; then it is '%s'.", table[i].name,
                                before.text, unit, now.text);
                }
        }
        log_info("Settings were read again: %zu changed, %zu more after a restart.", n_taken, n_waiting);
}

void settings_done(const Setting *table, size_t n, void *settings) {
        for (size_t i = 0; i < n; i++) {
                char *field = (char *) settings + table[i].offset;

                if (table[i].type == SETTING_STRING) {
                        free(*(char **) field);
                        *(char **) field = NULL;
                } else if (table[i].type == SETTING_STRV)
                        *(char ***) field = strv_free(*(char ***) field);
        }
}
