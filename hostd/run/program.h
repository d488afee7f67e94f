#pragma once

/*
 * How hostd starts xenvgpu-domain
 *
 *   xenvgpu-domain --folder=FOLDER --hypervisor=libxl|simulated --dm=PATH [--OPTION=VALUE…] [--adopt]
 *
 * with an option for each member of DomainProgram below (the table in program.c). The folder is the VM's run folder,
 * with order.json; the program keeps its files there.
 *
 * Environment: XENSTORED_PATH is handed on to everything below where it is set; nothing else is needed.
 * Exit status: 0 once domain.json says "halted"; 1 after an error that the log names (domain.json is then
 * what it was, so start it again with --adopt); 3 when another instance holds the folder. The program is
 * meant to outlive hostd: start it in a session (or unit) of its own, standard input /dev/null.
 */

#include "common/base/words.h"

#define DOMAIN_PROGRAM_EXIT_BUSY 3

/* xenvgpu-domain with it destroys a domain that hostd did not start: SIM_DIR|"" UUID DOMID. One that is gone, or is another's, is fine. */
#define END_DOMAIN_VERB "--end-domain"

#define DOMAIN_PROGRAM_EMULATOR_TIMEOUT (50 * UINT64_C(1000000))
#define DOMAIN_PROGRAM_RUNNING_TIMEOUT (3600 * UINT64_C(1000000))
#define DOMAIN_PROGRAM_GIMTOOL_TIMEOUT (60 * UINT64_C(1000000))

#define EMULATOR_FORMS(W) W(EMULATOR_FORM_TODAY, "today") W(EMULATOR_FORM_6X, "6.x")
DEFINE_ENUM(EmulatorForm, EMULATOR_FORM, EMULATOR_FORMS);

const char *emulator_form_to_string(EmulatorForm form);
EmulatorForm emulator_form_from_string(const char *text);

/* Texts are borrowed; NULL or 0 takes the default that stands behind the member. */
typedef struct DomainProgram {
        const char *program;    /* path of xenvgpu-domain; required */
        const char *folder;     /* required */
        const char *hypervisor; /* "simulated" */
        const char *sim_dir;    /* where its domains stand; required where the hypervisor is simulated */
        const char *dm;         /* path of xenvgpu-dm; required */
        const char *emulator;   /* "vgpu", looked up in the emulator's own PATH */
        EmulatorForm emulator_form;   /* which arguments the emulator takes */
        uint64_t emulator_timeout;    /* µs, for it to come up, before qemu; DOMAIN_PROGRAM_EMULATOR_TIMEOUT */
        uint64_t running_timeout;     /* µs, for it to say "running", after qemu; DOMAIN_PROGRAM_RUNNING_TIMEOUT */
        const char *qemu;             /* "qemu-system-i386" */
        const char *qemu_vgpu_args;   /* "-vgpu" */
        const char *sysfs;            /* of the PCI bus; none (simulated alone): no drivers, no virtual functions */
        const char *gimtool;          /* "gimtool" */
        uint64_t gimtool_timeout;     /* µs, for one run of it; DOMAIN_PROGRAM_GIMTOOL_TIMEOUT */
        bool keep_divisions;          /* GPUs are divided by others: virtual functions are used, and never made or taken back */
        const char *core_dump_folder; /* none: no cores */
        uint64_t core_dumps;          /* 0: no cores */
        bool crash_on_emulator_death; /* else the death is reported and the guest goes on */
        bool adopt;                   /* an earlier instance died: find what it left, and go on */
} DomainProgram;

/* The argument vector, NULL-terminated, argv[0] is the program. Free with strv_free()
 * (common/base/strlist.h). -ENOMEM, -EINVAL. */
int domain_program_build_argv(const DomainProgram *p, char ***ret);

/* "XENVGPU_VM=<uuid>", which each line of the VM's programs carries; "" when the folder is not called by a uuid. */
#define PROGRAM_LOG_FIELD_MAX 64
const char *program_log_field(const char *folder, char buf[static PROGRAM_LOG_FIELD_MAX]);

/* The other way round, for the program itself. The texts point into argv; on -EINVAL *ret_error is a sentence
 * (caller frees). */
int domain_program_parse_argv(char **argv, DomainProgram *ret, char **ret_error);

/*
 * What xenvgpu-dm gets through its environment
 *
 * The hypervisor's library runs the device model with arguments of its own making, so whatever else the
 * device model must know travels in variables that xenvgpu-domain sets before it creates the domain: those of the
 * table.
 */

/* Where the emulator looks for programs, and is looked for itself: all of its environment on a real host. */
#define DM_EMULATOR_PATH "/sbin:/usr/sbin:/bin:/usr/bin"

/* Sets the variables in our own environment. -ENOMEM. */
int dm_settings_export(const DomainProgram *p);

/* Reads them back; the texts belong to the environment. A variable that is not set takes the default (no folder: it is
 * found by the domain's uuid); -EINVAL names the bad one in *ret_bad. */
int dm_settings_import(DomainProgram *ret, const char **ret_bad);
