/*
 * How hostd starts xenvgpu-domain
 *
 * One table of options serves both directions, so that what hostd writes is what the program reads.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/strlist.h"
#include "hostd/run/program.h"

typedef enum OptionType {
        OPTION_TEXT,
        OPTION_NUMBER,
        OPTION_FORM,
} OptionType;

typedef struct Option {
        const char *name; /* with the equals sign */
        OptionType type;
        size_t offset;
        const char *fallback;
} Option;

#define OPTION(n, t, member, f)                                                                              \
        { "--" n "=", t, offsetof(DomainProgram, member), f }

static const Option options[] = {
        OPTION("folder", OPTION_TEXT, folder, NULL),
        OPTION("hypervisor", OPTION_TEXT, hypervisor, "simulated"),
        OPTION("sim-dir", OPTION_TEXT, sim_dir, NULL),
        OPTION("dm", OPTION_TEXT, dm, NULL),
        OPTION("emulator", OPTION_TEXT, emulator, "vgpu"),
        OPTION("emulator-form", OPTION_FORM, emulator_form, NULL),
        OPTION("emulator-timeout", OPTION_NUMBER, emulator_timeout, NULL),
        OPTION("running-timeout", OPTION_NUMBER, running_timeout, NULL),
        OPTION("qemu", OPTION_TEXT, qemu, "qemu-system-i386"),
        OPTION("qemu-vgpu-args", OPTION_TEXT, qemu_vgpu_args, "-vgpu"),
        OPTION("sysfs", OPTION_TEXT, sysfs, NULL),
        OPTION("gimtool", OPTION_TEXT, gimtool, "gimtool"),
        OPTION("gimtool-timeout", OPTION_NUMBER, gimtool_timeout, NULL),
        OPTION("core-dump-folder", OPTION_TEXT, core_dump_folder, NULL),
        OPTION("core-dumps", OPTION_NUMBER, core_dumps, NULL),
};

#define CRASH_OPTION "--on-emulator-death="

static const char *const form_names[_EMULATOR_FORM_MAX] = {
        [EMULATOR_FORM_TODAY] = "today",
        [EMULATOR_FORM_6X] = "6.x",
};

const char *emulator_form_to_string(EmulatorForm form) {
        return form >= 0 && form < _EMULATOR_FORM_MAX ? form_names[form] : NULL;
}

EmulatorForm emulator_form_from_string(const char *text) {
        for (int i = 0; i < _EMULATOR_FORM_MAX; i++)
                if (streq_ptr(text, form_names[i]))
                        return (EmulatorForm) i;
        return _EMULATOR_FORM_INVALID;
}

static void set_defaults(DomainProgram *p) {
        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                const char **text = (const char **) ((char *) p + options[i].offset);

                if (options[i].type == OPTION_TEXT && !*text)
                        *text = options[i].fallback;
        }
        if (p->emulator_timeout == 0)
                p->emulator_timeout = DOMAIN_PROGRAM_EMULATOR_TIMEOUT;
        if (p->running_timeout == 0)
                p->running_timeout = DOMAIN_PROGRAM_RUNNING_TIMEOUT;
        if (p->gimtool_timeout == 0)
                p->gimtool_timeout = DOMAIN_PROGRAM_GIMTOOL_TIMEOUT;
}

static const char *find_missing(const DomainProgram *p) {
        if (!p->folder)
                return "--folder";
        if (!p->dm)
                return "--dm";
        if (streq(p->hypervisor, "simulated") && !p->sim_dir)
                return "--sim-dir";
        return NULL;
}

/* An option that has nothing to say is left out. */
static void add_option(StrList *argv, const Option *option, const DomainProgram *p) {
        const void *member = (const char *) p + option->offset;

        switch (option->type) {
        case OPTION_TEXT:
                if (!isempty(*(const char *const *) member))
                        strlist_addf(argv, "%s%s", option->name, *(const char *const *) member);
                break;
        case OPTION_NUMBER:
                strlist_addf(argv, "%s%" PRIu64, option->name, *(const uint64_t *) member);
                break;
        case OPTION_FORM:
                strlist_addf(argv, "%s%s", option->name, emulator_form_to_string(*(const EmulatorForm *) member));
                break;
        }
}

int domain_program_build_argv(const DomainProgram *p, char ***ret) {
        _cleanup_strlist_ StrList argv = {};
        DomainProgram filled = *p;

        set_defaults(&filled);
        if (!p->program || find_missing(&filled) || !emulator_form_to_string(p->emulator_form))
                return -EINVAL;

        strlist_add(&argv, p->program);
        for (size_t i = 0; i < ARRAY_SIZE(options); i++)
                add_option(&argv, &options[i], &filled);
        strlist_add(&argv, p->crash_on_emulator_death ? CRASH_OPTION "crash" : CRASH_OPTION "report");
        if (p->adopt)
                strlist_add(&argv, "--adopt");
        return strlist_take(&argv, ret);
}

static int option_from_text(const Option *option, const char *value, DomainProgram *p) {
        void *member = (char *) p + option->offset;
        EmulatorForm form;

        switch (option->type) {
        case OPTION_TEXT:
                *(const char **) member = value;
                return isempty(value) ? -EINVAL : 0;
        case OPTION_NUMBER:
                return parse_u64(value, member);
        case OPTION_FORM:
                form = emulator_form_from_string(value);
                if (form < 0)
                        return -EINVAL;
                *(EmulatorForm *) member = form;
                return 0;
        }
        return -EINVAL;
}

static int parse_argument(const char *argument, DomainProgram *p) {
        const char *value;

        if (streq(argument, "--adopt")) {
                p->adopt = true;
                return 0;
        }

        value = startswith(argument, CRASH_OPTION);
        if (value) {
                p->crash_on_emulator_death = streq(value, "crash");
                return p->crash_on_emulator_death || streq(value, "report") ? 0 : -EINVAL;
        }

        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                value = startswith(argument, options[i].name);
                if (value)
                        return option_from_text(&options[i], value, p);
        }
        return -EINVAL;
}

static int fail(char **ret_error, const char *what, const char *argument) {
        return asprintf(ret_error, "%s %s.", what, argument) < 0 ? -ENOMEM : -EINVAL;
}

int domain_program_parse_argv(char **argv, DomainProgram *ret, char **ret_error) {
        DomainProgram p = { .program = argv[0] };
        const char *missing;

        for (char **argument = argv + 1; *argument; argument++)
                if (parse_argument(*argument, &p) < 0)
                        return fail(ret_error, "Cannot use the argument", *argument);

        set_defaults(&p);
        missing = find_missing(&p);
        if (missing)
                return fail(ret_error, "Missing argument", missing);

        *ret = p;
        return 0;
}
