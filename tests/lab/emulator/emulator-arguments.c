/*
 * The arguments of the display emulator, checked as strictly as the real one checks them
 *
 * Today's form: --domain= --vcpus= --suspend= --device=… [--noconsole] [--resume]; the 6.x form: --domain=
 * --vcpus= --gpu= --config=. One option of one form excludes the other's.
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/uuid.h"
#include "tests/lab/emulator/emulator-arguments.h"

#define SLOT_FIRST 11
#define SLOT_LAST 31

typedef struct Seen {
        bool domain, vcpus, suspend, gpu, config;
} Seen;

static _printf_(2, 3) int refuse(char **ret_error, const char *format, ...) {
        va_list args;

        va_start(args, format);
        if (vasprintf(ret_error, format, args) < 0)
                *ret_error = NULL;
        va_end(args);
        return -EINVAL;
}

/* The address must be spelled in full, as sysfs does. */
static int parse_bdf(const char *text, PciAddress *ret) {
        return strlen(text) == 12 ? pci_address_from_string(text, ret) : -EINVAL;
}

static int check_config(const char *path, char **ret_error) {
        if (access(path, R_OK) < 0)
                return refuse(ret_error, "cannot read config file '%s'", path);
        return 0;
}

static int take_slot(const char *text, EmulatorArguments *a, char **ret_error) {
        PciAddress slot;

        if (parse_bdf(text, &slot) < 0)
                return refuse(ret_error, "bad guest slot '%s'", text);
        if (slot.domain != 0 || slot.bus != 0 || slot.fn != 0 || slot.dev < SLOT_FIRST ||
                slot.dev > SLOT_LAST)
                return refuse(ret_error, "guest slot %s is out of range", text);
        for (size_t i = 0; i < a->n_devices; i++) {
                if (pci_address_compare(&a->slots[i], &slot) == 0)
                        return refuse(ret_error, "guest slot %s is given twice", text);
                if (pci_address_compare(&a->slots[i], &slot) > 0)
                        return refuse(ret_error, "guest slot %s comes after a higher one", text);
        }
        if (a->n_devices == EMULATOR_DEVICES_MAX)
                return refuse(ret_error, "too many devices");
        a->slots[a->n_devices++] = slot;
        return 0;
}

/* <host bdf>,<type id or config file>,<guest slot>,<uuid>[,extra] */
static int take_device(const char *value, EmulatorArguments *a, char **ret_error) {
        _cleanup_free_ char *copy = strdup(value);
        char *fields[4], *rest = copy;
        PciAddress host;
        uint32_t type;
        Uuid uuid;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                fields[i] = strsep(&rest, ",");
                if (isempty(fields[i]))
                        return refuse(ret_error, "device '%s' lacks a field", value);
        }
        if (parse_bdf(fields[0], &host) < 0)
                return refuse(ret_error, "bad address '%s'", fields[0]);
        if (parse_u32(fields[1], &type) < 0) {
                r = check_config(fields[1], ret_error);
                if (r < 0)
                        return r;
        }
        if (uuid_from_string(fields[3], &uuid) < 0 || uuid_is_null(&uuid))
                return refuse(ret_error, "bad uuid '%s'", fields[3]);
        return take_slot(fields[2], a, ret_error);
}

static int take_argument(const char *argument, EmulatorArguments *a, Seen *seen, char **ret_error) {
        const char *value;
        PciAddress gpu;

        if ((value = startswith(argument, "--domain="))) {
                seen->domain = true;
                return parse_u32(value, &a->domid) < 0 || a->domid == 0
                               ? refuse(ret_error, "bad domain '%s'", value)
                               : 0;
        }
        if ((value = startswith(argument, "--vcpus="))) {
                seen->vcpus = true;
                return parse_u32(value, &a->vcpus) < 0 || a->vcpus == 0
                               ? refuse(ret_error, "bad number of vcpus '%s'", value)
                               : 0;
        }
        if ((value = startswith(argument, "--suspend="))) {
                seen->suspend = true;
                return *value == '/' ? 0 : refuse(ret_error, "bad suspend file '%s'", value);
        }
        if ((value = startswith(argument, "--device=")))
                return take_device(value, a, ret_error);
        if ((value = startswith(argument, "--gpu="))) {
                seen->gpu = a->form_6x = true;
                return parse_bdf(value, &gpu) < 0 ? refuse(ret_error, "bad address '%s'", value) : 0;
        }
        if ((value = startswith(argument, "--config="))) {
                _cleanup_free_ char *path = strndup(value, strcspn(value, ","));

                seen->config = a->form_6x = true;
                return check_config(strempty(path), ret_error);
        }
        if (streq(argument, "--noconsole")) {
                a->noconsole = true;
                return 0;
        }
        if (streq(argument, "--resume")) {
                a->resume = true;
                return 0;
        }
        return refuse(ret_error, "unknown option '%s'", argument);
}

int emulator_arguments_parse(char **argv, EmulatorArguments *ret, char **ret_error) {
        EmulatorArguments a = {};
        Seen seen = {};
        int r;

        for (char **argument = argv + 1; *argument; argument++) {
                r = take_argument(*argument, &a, &seen, ret_error);
                if (r < 0)
                        return r;
        }

        if (!seen.domain)
                return refuse(ret_error, "--domain is missing");
        if (!seen.vcpus)
                return refuse(ret_error, "--vcpus is missing");
        if (a.form_6x && (a.n_devices > 0 || seen.suspend || a.noconsole || a.resume))
                return refuse(ret_error, "options of two forms together");
        if (a.form_6x && (!seen.gpu || !seen.config))
                return refuse(ret_error, "--gpu and --config belong together");
        if (!a.form_6x && a.n_devices == 0)
                return refuse(ret_error, "--device is missing");
        *ret = a;
        return 0;
}
