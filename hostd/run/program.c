/*
 * How hostd starts xenvgpu-domain, and what that program passes to xenvgpu-dm
 *
 * One table of options serves all directions, so that what one writes is what the other reads.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/strlist.h"
#include "common/base/text.h"
#include "common/base/uuid.h"
#include "common/daemon/log-ids.h"
#include "hostd/run/program.h"

typedef enum OptionType {
        OPTION_TEXT,
        OPTION_NUMBER,
        OPTION_FORM,
        OPTION_DEATH, /* a bool: false, true as in death_words */
        OPTION_FLAG,  /* a bool, that is there or not */
} OptionType;

typedef struct Option {
        const char *name; /* with the equals sign, if it has one */
        OptionType type;
        size_t offset;
        const char *fallback;      /* of a text */
        uint64_t fallback_number;  /* of a number that is 0 */
        const char *variable;      /* for xenvgpu-dm; NULL: that does not need it */
} Option;

#define OPTION(n, t, member, ...) { .name = "--" n, .type = t, .offset = offsetof(DomainProgram, member), ##__VA_ARGS__ }

static const Option options[] = {
        OPTION("folder=", OPTION_TEXT, folder, .variable = "XENVGPU_RUN_FOLDER"),
        OPTION("hypervisor=", OPTION_TEXT, hypervisor, .fallback = "simulated"),
        OPTION("sim-dir=", OPTION_TEXT, sim_dir),
        OPTION("dm=", OPTION_TEXT, dm),
        OPTION("emulator=", OPTION_TEXT, emulator, .fallback = "vgpu", .variable = "XENVGPU_EMULATOR"),
        OPTION("emulator-form=", OPTION_FORM, emulator_form, .variable = "XENVGPU_EMULATOR_FORM"),
        OPTION("emulator-timeout=", OPTION_NUMBER, emulator_timeout,
                .fallback_number = DOMAIN_PROGRAM_EMULATOR_TIMEOUT, .variable = "XENVGPU_EMULATOR_TIMEOUT"),
        OPTION("running-timeout=", OPTION_NUMBER, running_timeout,
                .fallback_number = DOMAIN_PROGRAM_RUNNING_TIMEOUT),
        OPTION("qemu=", OPTION_TEXT, qemu, .fallback = "qemu-system-i386", .variable = "XENVGPU_QEMU"),
        OPTION("qemu-vgpu-args=", OPTION_TEXT, qemu_vgpu_args, .fallback = "-vgpu",
                .variable = "XENVGPU_QEMU_VGPU_ARGS"),
        OPTION("sysfs=", OPTION_TEXT, sysfs),
        OPTION("gimtool=", OPTION_TEXT, gimtool, .fallback = "gimtool"),
        OPTION("gimtool-timeout=", OPTION_NUMBER, gimtool_timeout,
                .fallback_number = DOMAIN_PROGRAM_GIMTOOL_TIMEOUT),
        OPTION("keep-divisions", OPTION_FLAG, keep_divisions),
        OPTION("core-dump-folder=", OPTION_TEXT, core_dump_folder),
        OPTION("core-dumps=", OPTION_NUMBER, core_dumps),
        OPTION("on-emulator-death=", OPTION_DEATH, crash_on_emulator_death),
        OPTION("adopt", OPTION_FLAG, adopt),
};

static const char *const death_names[] = { "report", "crash" };

static const WordTable deaths = { .words = death_names, .n = ARRAY_SIZE(death_names) };

DEFINE_WORD_TABLE(emulator_forms, EMULATOR_FORMS)
DEFINE_WORDS(emulator_form, EmulatorForm, emulator_forms)

static void *member_of(const DomainProgram *p, const Option *option) {
        return (char *) p + option->offset;
}

static void set_defaults(DomainProgram *p) {
        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                void *member = member_of(p, &options[i]);

                if (options[i].type == OPTION_TEXT && !*(const char **) member)
                        *(const char **) member = options[i].fallback;
                if (options[i].type == OPTION_NUMBER && *(uint64_t *) member == 0)
                        *(uint64_t *) member = options[i].fallback_number;
        }
}

static const char *find_missing(const DomainProgram *p) {
        if (!p->folder)
                return "--folder";
        if (!p->dm)
                return "--dm";
        return streq(p->hypervisor, "simulated") && !p->sim_dir ? "--sim-dir" : NULL;
}

/* NULL: the option is left out. buf holds 24 bytes. */
static const char *option_to_text(const Option *option, const DomainProgram *p, char *buf) {
        const void *member = member_of(p, option);

        switch (option->type) {
        case OPTION_TEXT:
                return isempty(*(const char *const *) member) ? NULL : *(const char *const *) member;
        case OPTION_NUMBER:
                (void) snprintf(buf, 24, "%" PRIu64, *(const uint64_t *) member);
                return buf;
        case OPTION_FORM:
                return emulator_form_to_string(*(const EmulatorForm *) member);
        case OPTION_DEATH:
                return word_of_value(&deaths, *(const bool *) member);
        case OPTION_FLAG:
                return *(const bool *) member ? "" : NULL;
        }
        return NULL;
}

static int option_from_text(const Option *option, const char *value, DomainProgram *p) {
        void *member = member_of(p, option);
        int word = 0;

        switch (option->type) {
        case OPTION_TEXT:
                *(const char **) member = value;
                return isempty(value) ? -EINVAL : 0;
        case OPTION_NUMBER:
                return parse_u64(value, member);
        case OPTION_FORM:
                word = emulator_form_from_string(value);
                if (word >= 0)
                        *(EmulatorForm *) member = (EmulatorForm) word;
                break;
        case OPTION_DEATH:
                word = word_to_value(&deaths, value);
                *(bool *) member = word > 0;
                break;
        case OPTION_FLAG:
                *(bool *) member = true;
                return isempty(value) ? 0 : -EINVAL;
        }
        return MIN_OF(word, 0);
}

int domain_program_build_argv(const DomainProgram *p, char ***ret) {
        _cleanup_strlist_ StrList argv = {};
        DomainProgram filled = *p;

        set_defaults(&filled);
        if (!p->program || find_missing(&filled) || !emulator_form_to_string(p->emulator_form))
                return -EINVAL;

        strlist_add(&argv, p->program);
        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                const char *text = option_to_text(&options[i], &filled, (char[24]){});

                if (text)
                        strlist_addf(&argv, "%s%s", options[i].name, text);
        }
        return strlist_take(&argv, ret);
}

static int parse_argument(const char *argument, DomainProgram *p) {
        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                const char *value = startswith(argument, options[i].name);

                if (value)
                        return option_from_text(&options[i], value, p);
        }
        return -EINVAL;
}

const char *program_log_field(const char *folder, char buf[static PROGRAM_LOG_FIELD_MAX]) {
        const char *slash = strrchr(folder, '/');
        Uuid vm;

        *buf = '\0';
        if (uuid_from_string(slash ? slash + 1 : folder, &vm) >= 0)
                (void) snprintf(buf, PROGRAM_LOG_FIELD_MAX, FIELD_VM "%s", UUID_TEXT(&vm));
        return buf;
}

int domain_program_parse_argv(char **argv, DomainProgram *ret, char **ret_error) {
        DomainProgram p = { .program = argv[0] };
        const char *missing;

        for (char **argument = argv + 1; *argument; argument++)
                if (parse_argument(*argument, &p) < 0)
                        return text_refuse(ret_error, -EINVAL, "Cannot use the argument %s.", *argument);

        set_defaults(&p);
        missing = find_missing(&p);
        if (missing)
                return text_refuse(ret_error, -EINVAL, "Missing argument %s.", missing);

        *ret = p;
        return 0;
}

int dm_settings_export(const DomainProgram *p) {
        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                const char *text = option_to_text(&options[i], p, (char[24]){});

                if (options[i].variable && setenv(options[i].variable, strempty(text), /* overwrite= */ 1) < 0)
                        return -errno;
        }
        return 0;
}

int dm_settings_import(DomainProgram *ret, const char **ret_bad) {
        DomainProgram p = {};

        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                const char *value = options[i].variable ? getenv(options[i].variable) : NULL;

                if (!isempty(value) && option_from_text(&options[i], value, &p) < 0) {
                        *ret_bad = options[i].variable;
                        return -EINVAL;
                }
        }
        set_defaults(&p);
        *ret = p;
        return 0;
}
