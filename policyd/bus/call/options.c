/*
 * Options: a{sv}
 *
 * One table of every key that any method knows; a method says which of them it takes. An unknown key is an
 * error: a caller that misspells "dry_run" must not start a VM.
 */

#include <inttypes.h>

#include "policyd/bus/call/error.h"
#include "policyd/bus/call/options.h"

static const struct {
        const char *key;
        unsigned bit;
        const char *type;
        size_t offset;
} known[] = {
        {"idempotency_key", OPTION_IDEMPOTENCY_KEY, "s", offsetof(Options, idempotency_key)},
        {"device", OPTION_DEVICE, "s", offsetof(Options, device)},
        {"dry_run", OPTION_DRY_RUN, "b", offsetof(Options, dry_run)},
        {"force", OPTION_FORCE, "b", offsetof(Options, force)},
        {"reservation", OPTION_RESERVATION, "o", offsetof(Options, reservation)},
        {"owner", OPTION_OWNER, "s", offsetof(Options, owner)},
        {"name_description", OPTION_NAME_DESCRIPTION, "s", offsetof(Options, name_description)},
        {"extra_args", OPTION_EXTRA_ARGS, "s", offsetof(Options, extra_args)},
        {"vgpus_max", OPTION_VGPUS_MAX, "t", offsetof(Options, vgpus_max)},
        {"placement", OPTION_PLACEMENT, "s", offsetof(Options, placement)},
        {"fingerprint", OPTION_FINGERPRINT, "s", offsetof(Options, fingerprint)},
        {"size_max", OPTION_SIZE_MAX, "t", offsetof(Options, size_max)},
};

#define KEY_MAX 128 /* bytes of an idempotency key */

static int refuse_unknown(const char *key, unsigned allowed, sd_bus_error *error) {
        const char *names[ARRAY_SIZE(known)];
        _cleanup_free_ char *list = NULL;
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (known[i].bit & allowed)
                        names[n++] = known[i].key;
        list = text_join_and(names, n);
        return bus_error_set(error, ERROR_INVALID_RECORD, "There is no option \"%s\" here; allowed: %s.",
                TEXT_SHORT(key, 64), strempty(list));
}

static int read_text(sd_bus_message *m, size_t option, const char **ret, sd_bus_error *error) {
        TextForm form = known[option].bit == OPTION_NAME_DESCRIPTION ? TEXT_LINES : TEXT_LINE;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "s");
        if (r >= 0)
                r = bus_text(m, known[option].key, form, ret, error);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_option(sd_bus_message *m, unsigned allowed, Options *o, sd_bus_error *error) {
        const char *key, *type;
        size_t i;
        int r;

        r = bus_text(m, "option's name", TEXT_LINE, &key, error);
        if (r < 0)
                return r;
        for (i = 0; i < ARRAY_SIZE(known) && !((known[i].bit & allowed) && streq(known[i].key, key)); i++)
                ;
        if (i == ARRAY_SIZE(known))
                return refuse_unknown(key, allowed, error);
        if (o->present & known[i].bit)
                return bus_error_set(error, ERROR_INVALID_RECORD, "The option \"%s\" is given twice.", key);

        r = sd_bus_message_peek_type(m, NULL, &type);
        if (r < 0)
                return r;
        if (!streq(type, known[i].type))
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "The option \"%s\" must be of type '%s', not '%s'.", key, known[i].type, type);
        o->present |= known[i].bit;
        if (streq(type, "s"))
                return read_text(m, i, (const char **) ((char *) o + known[i].offset), error);
        return sd_bus_message_read(m, "v", type, (char *) o + known[i].offset);
}

int options_read(sd_bus_message *m, unsigned allowed, Options *ret, sd_bus_error *error) {
        Options o = {};
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_option(m, allowed, &o, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        if (o.idempotency_key && (!*o.idempotency_key || strlen(o.idempotency_key) > KEY_MAX))
                return bus_error_set(error, ERROR_INVALID_RECORD,
                        "An idempotency_key has 1 to %d bytes; this one has %zu.", KEY_MAX,
                        strlen(o.idempotency_key));
        *ret = o;
        return 0;
}

void options_describe(const Options *o, StrBuf *b) {
        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                const void *value = (const char *) o + known[i].offset;

                if (!(o->present & known[i].bit) || known[i].bit == OPTION_IDEMPOTENCY_KEY)
                        continue;
                if (streq(known[i].type, "b"))
                        strbuf_addf(b, "\n%s=%s", known[i].key, *(const int *) value ? "true" : "false");
                else if (streq(known[i].type, "t"))
                        strbuf_addf(b, "\n%s=%" PRIu64, known[i].key, *(const uint64_t *) value);
                else
                        strbuf_addf(b, "\n%s=%s", known[i].key, *(const char *const *) value);
        }
}
