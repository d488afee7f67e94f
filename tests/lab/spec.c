/*
 * What a lab host is made of
 *
 * The text is cut at ':' into the cards and the options, the cards at ','. Each option has one line in
 * a table. The first offender ends the parse and is named.
 */

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "tests/lab/spec.h"

static const char *const card_names[_CARD_MAX] = {
        [CARD_K1] = "k1",
        [CARD_K2] = "k2",
        [CARD_GVT] = "gvt",
        [CARD_MXGPU] = "mxgpu",
        [CARD_SRIOV] = "sriov",
        [CARD_HGX] = "hgx",
        [CARD_NIC] = "nic",
        [CARD_A16] = "a16",
        [CARD_T4] = "t4",
        [CARD_L40S] = "l40s",
        [CARD_MI210] = "mi210",
        [CARD_MI325X] = "mi325x",
        [CARD_FLEX] = "flex",
        [CARD_GB200] = "gb200",
};

const char *card_to_string(Card card) {
        return card >= 0 && card < _CARD_MAX ? card_names[card] : NULL;
}

Card card_from_string(const char *text) {
        for (Card card = 0; card < _CARD_MAX; card++)
                if (streq(card_names[card], text))
                        return card;
        return _CARD_INVALID;
}

void host_spec_done(HostSpec *spec) {
        free(spec->text);
        free(spec->name);
        free(spec->recorded);
        strv_free(spec->networks);
        strv_free(spec->storage);
        *spec = (HostSpec){};
}

static int refuse(char **ret_error, const char *format, ...) _printf_(2, 3);

static int refuse(char **ret_error, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(ret_error, format, ap);
        va_end(ap);
        return r < 0 ? -ENOMEM : -EINVAL;
}

static bool name_is_valid(const char *name) {
        size_t n = strlen(name);

        return n > 0 && n <= LAB_HOST_NAME_MAX && name[0] != '.' && name[0] != '-' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

/* "a+b" to a vector; an empty text is an empty vector. */
static int split_plus(const char *text, char ***ret) {
        _cleanup_free_ char *copy = strdup(text);
        _cleanup_(strv_freep) char **v = NULL;
        char *state = NULL;
        size_t n = 0;

        v = calloc(strlen(text) + 2, sizeof(char *));
        if (!copy || !v)
                return -ENOMEM;

        for (char *item = strtok_r(copy, "+", &state); item; item = strtok_r(NULL, "+", &state)) {
                v[n] = strdup(item);
                if (!v[n++])
                        return -ENOMEM;
        }

        strv_free(*ret);
        *ret = take_ptr(v);
        return 0;
}

static int option_memory(HostSpec *spec, const char *value) {
        return parse_size(value, &spec->memory);
}

static int option_dom0_memory(HostSpec *spec, const char *value) {
        return parse_size(value, &spec->dom0_memory);
}

static int option_cpus(HostSpec *spec, const char *value) {
        int r = parse_u32(value, &spec->cpus);

        return r < 0 ? r : spec->cpus == 0 ? -ERANGE : 0;
}

static int option_iommu(HostSpec *spec, const char *value) {
        return parse_boolean(value, &spec->iommu);
}

static int option_networks(HostSpec *spec, const char *value) {
        return split_plus(value, &spec->networks);
}

static int option_storage(HostSpec *spec, const char *value) {
        return split_plus(value, &spec->storage);
}

static const struct HostOption {
        const char *name;
        int (*set)(HostSpec *spec, const char *value);
        const char *form;
} host_options[] = {
        { "memory", option_memory, "a size such as 64GiB" },
        { "dom0_memory", option_dom0_memory, "a size such as 4GiB" },
        { "cpus", option_cpus, "a number above 0" },
        { "iommu", option_iommu, "true or false" },
        { "networks", option_networks, "bridges joined by '+'" },
        { "storage", option_storage, "folders joined by '+'" },
};

static int parse_option(HostSpec *spec, char *text, char **ret_error) {
        char *value = strchr(text, '=');
        int r;

        if (!value)
                return refuse(ret_error, "host '%s': option '%s' has no value", spec->name, text);
        *value++ = 0;

        for (size_t i = 0; i < ARRAY_SIZE(host_options); i++) {
                if (!streq(host_options[i].name, text))
                        continue;
                r = host_options[i].set(spec, value);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        return refuse(ret_error, "host '%s': %s=%s is not %s", spec->name, text, value,
                                host_options[i].form);
                return 0;
        }
        return refuse(ret_error,
                "host '%s' has no option '%s'; there are memory, dom0_memory, cpus, iommu, networks and "
                "storage",
                spec->name, text);
}

static int parse_recorded(HostSpec *spec, const char *path, char **ret_error) {
        struct stat st;

        spec->recorded = realpath(path, NULL);
        if (!spec->recorded || stat(spec->recorded, &st) < 0)
                return refuse(ret_error, "host '%s': cannot read the recorded hardware '%s': %s", spec->name,
                        path, strerror(errno));
        if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
                return refuse(ret_error, "host '%s': '%s' is neither a file nor a folder", spec->name, path);
        spec->recorded_tree = S_ISDIR(st.st_mode);
        return 0;
}

static int parse_card(HostSpec *spec, const char *text, char **ret_error) {
        Card card;

        if (spec->recorded || (*text == '@' && spec->n_cards > 0))
                return refuse(ret_error,
                        "host '%s': recorded hardware (@…) is the whole machine and stands alone",
                        spec->name);
        if (*text == '@')
                return parse_recorded(spec, text + 1, ret_error);

        card = card_from_string(text);
        if (card < 0)
                return refuse(ret_error,
                        "host '%s': '%s' is no card; there are k1, k2, gvt, mxgpu, sriov, hgx, nic, a16, t4, "
                        "l40s, mi210, mi325x, flex, gb200, @FILE (an lspci -D -nn -xxx listing) and @FOLDER (a recorded sysfs tree)",
                        spec->name, text);
        if (spec->n_cards >= LAB_HOST_CARDS_MAX)
                return refuse(ret_error, "host '%s' has more than %d cards", spec->name, LAB_HOST_CARDS_MAX);
        for (size_t i = 0; i < spec->n_cards; i++)
                if (card == CARD_GVT && spec->cards[i] == CARD_GVT)
                        return refuse(ret_error, "host '%s': a machine has one integrated GPU", spec->name);

        spec->cards[spec->n_cards++] = card;
        return 0;
}

static int parse_cards(HostSpec *spec, char *text, char **ret_error) {
        char *state = NULL;
        int r;

        if (streq(text, "none"))
                return 0;
        for (char *item = strtok_r(text, ",", &state); item; item = strtok_r(NULL, ",", &state)) {
                r = parse_card(spec, item, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The text is kept as it was given, with @path made absolute, so that a later `up` from another folder means
 * the same. */
static int remember_text(HostSpec *spec, const char *text) {
        const char *tail = strchr(strchr(text, '=') + 1, ':');

        if (!spec->recorded) {
                spec->text = strdup(text);
                return spec->text ? 0 : -ENOMEM;
        }
        return asprintf(&spec->text, "%s=@%s%s", spec->name, spec->recorded, strempty(tail)) < 0 ? -ENOMEM
                                                                                                 : 0;
}

static int parse_fields(HostSpec *spec, const char *text, char **ret_error) {
        _cleanup_free_ char *copy = strdup(text);
        char *fields, *cards, *state = NULL;
        int r;

        if (!copy)
                return -ENOMEM;
        fields = strchr(copy, '=');
        if (!fields)
                return refuse(ret_error, "'%s' is no host; give NAME=CARD,CARD… or NAME=none", text);
        *fields++ = 0;
        if (!name_is_valid(copy))
                return refuse(ret_error,
                        "'%s' is no host name; take letters, digits, '.', '_' and '-', at most %d of them",
                        copy, LAB_HOST_NAME_MAX);
        spec->name = strdup(copy);
        if (!spec->name)
                return -ENOMEM;

        /* strsep, not strtok_r: an empty list of cards is an empty field. */
        state = fields;
        cards = strsep(&state, ":");
        r = parse_cards(spec, cards, ret_error);
        while (r >= 0 && state)
                r = parse_option(spec, strsep(&state, ":"), ret_error);
        if (r < 0)
                return r;

        if (spec->memory <= spec->dom0_memory)
                return refuse(ret_error, "host '%s': memory=%s leaves nothing beside dom0's %s", spec->name,
                        SIZE_TEXT(spec->memory), SIZE_TEXT(spec->dom0_memory));
        return remember_text(spec, text);
}

int host_spec_parse(const char *text, HostSpec *ret, char **ret_error) {
        HostSpec spec = {
                .memory = 256ULL << 30,
                .dom0_memory = 4ULL << 30,
                .cpus = 16,
                .iommu = true,
        };
        int r;

        r = split_plus("xenbr0", &spec.networks);
        if (r >= 0)
                r = split_plus("/var/lib/xen/images+/guest", &spec.storage);
        if (r >= 0)
                r = parse_fields(&spec, text, ret_error);
        if (r < 0) {
                host_spec_done(&spec);
                return r;
        }

        *ret = spec;
        return 0;
}
