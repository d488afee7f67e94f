/*
 * Who a caller is
 */

#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>

#include "common/base/text.h"
#include "policyd/bus/call/who.h"

#define BUS_NAME "org.freedesktop.DBus"
#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define GROUPS_MAX 65536 /* as the kernel has it */
#define UNIT_USEC_MAX UINT64_C(2000000)

void who_done(Who *w) {
        free(w->groups);
        free(w->unit);
        *w = (Who){};
}

/* From the file alone: other sources of names may ask a network. */
static void find_user(Who *w) {
        FILE *f = fopen("/etc/passwd", "re");
        const struct passwd *entry;

        text_format(w->user, sizeof(w->user), "uid %" PRIu32, w->uid);
        if (!f)
                return;
        while ((entry = fgetpwent(f)))
                if (entry->pw_uid == w->uid) {
                        text_short(entry->pw_name, w->user, sizeof(w->user));
                        break;
                }
        (void) fclose(f);
}

static int read_groups(sd_bus_message *m, Who *w) {
        const void *groups;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "au");
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'u', &groups, &size);
        if (r < 0)
                return r;
        w->n_groups = MIN_OF(size / sizeof(uint32_t), (size_t) GROUPS_MAX);
        free(w->groups);
        w->groups = NULL;
        if (w->n_groups > 0) {
                w->groups = malloc(w->n_groups * sizeof(uint32_t));
                if (!w->groups)
                        return -ENOMEM;
                memcpy(w->groups, groups, w->n_groups * sizeof(uint32_t));
        }
        return sd_bus_message_exit_container(m);
}

static int read_credential(sd_bus_message *m, Who *w) {
        const char *name;
        int r;

        r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        if (streq(name, "UnixUserID")) {
                r = sd_bus_message_read(m, "v", "u", &w->uid);
                w->has_uid = r >= 0;
                return r;
        }
        if (streq(name, "ProcessID"))
                return sd_bus_message_read(m, "v", "u", &w->pid);
        return streq(name, "UnixGroupIDs") ? read_groups(m, w) : sd_bus_message_skip(m, "v");
}

int who_read(sd_bus_message *reply, Who *w) {
        int r;

        if (sd_bus_message_is_method_error(reply, NULL) > 0)
                return -EBADMSG;
        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = read_credential(reply, w);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        if (r < 0 || !w->has_uid) {
                who_done(w);
                return r < 0 ? r : -EBADMSG;
        }
        find_user(w);
        return 0;
}

int who_ask(sd_bus *bus, const char *name, sd_bus_message_handler_t answered, void *userdata, sd_bus_slot **ret) {
        return sd_bus_call_method_async(bus, ret, BUS_NAME, "/org/freedesktop/DBus", BUS_NAME,
                "GetConnectionCredentials", answered, userdata, "s", name);
}

int who_ask_unit(sd_bus *bus, const Who *w, sd_bus_message_handler_t answered, void *userdata, sd_bus_slot **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (w->pid == 0)
                return -ENODATA;
        r = sd_bus_message_new_method_call(
                bus, &m, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_NAME ".Manager", "GetUnitByPID");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_message_append(m, "u", w->pid);
        return r < 0 ? r : sd_bus_call_async(bus, ret, m, answered, userdata, UNIT_USEC_MAX);
}

/* Nothing is said where there is no systemd. */
static void say_why(const sd_bus_error *error, Who *w) {
        if (kill((pid_t) w->pid, 0) < 0 && errno == ESRCH)
                text_format(w->no_unit, sizeof(w->no_unit), "unknown: process %" PRIu32 " has ended", w->pid);
        else if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) || sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT))
                text_format(w->no_unit, sizeof(w->no_unit), "unknown: systemd did not answer");
        else if (sd_bus_error_has_name(error, SYSTEMD_NAME ".NoUnitForPID"))
                text_format(w->no_unit, sizeof(w->no_unit), "none");
}

void who_read_unit(sd_bus_message *reply, Who *w) {
        _cleanup_free_ char *unit = NULL;
        const char *path;

        w->has_unit = true; /* as far as it will be known */
        if (sd_bus_message_is_method_error(reply, NULL) > 0) {
                say_why(sd_bus_message_get_error(reply), w);
                return;
        }
        if (sd_bus_message_read(reply, "o", &path) < 0 || sd_bus_path_decode(path, SYSTEMD_PATH "/unit", &unit) <= 0)
                return;
        free(w->unit);
        w->unit = text_clean(unit, strlen(unit), TEXT_LINE, TEXT_NAME_MAX);
}

const char *who_unit(const Who *w) {
        return w->unit ?: *w->no_unit ? w->no_unit : NULL;
}

void who_describe(const Who *w, StrBuf *b) {
        strbuf_add(b, *w->user ? w->user : "somebody");
        if (w->unit)
                strbuf_addf(b, " (%s)", w->unit);
}

bool who_is_in_group(const Who *w, uint32_t gid) {
        for (size_t i = 0; i < w->n_groups; i++)
                if (w->groups[i] == gid)
                        return true;
        return false;
}
