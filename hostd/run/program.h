#pragma once

/*
 * How hostd starts xenvgpu-domain
 *
 *   xenvgpu-domain --folder=<run folder of the VM>   with order.json; the program keeps its files there
 *                  --hypervisor=libxl|simulated      the implementation behind the hypervisor ops
 *                  --sim-dir=<folder>                only for simulated: where its domains stand
 *                  --dm=<path of xenvgpu-dm>
 *                  --emulator=<path of vgpu>
 *                  --emulator-form=today|6.x         which arguments the emulator takes
 *                  --emulator-timeout=<µs>           for the emulator to come up, before qemu
 *                  --running-timeout=<µs>            for the emulator to say "running", after qemu
 *                  --qemu=<path of qemu>
 *                  --qemu-vgpu-args=<arguments, blank-separated>
 *                  --on-emulator-death=report|crash
 *                  --sysfs=<folder>                  of the PCI bus, where drivers are bound and MxGPU's virtual
 *                                                    functions appear
 *                  --gimtool=<path of gimtool>       divides AMD's GPUs
 *                  --gimtool-timeout=<µs>            for one run of it
 *                  --core-dump-folder=<folder>       for the memory of guests that crashed
 *                  --core-dumps=<number>             how many of them a host keeps; 0: none is made
 *                  [--adopt]                         an earlier instance died: find what it left, and go on
 *
 * Environment: XENSTORED_PATH is handed on to everything below where it is set; nothing else is needed.
 * Exit status: 0 once domain.json says "halted"; 1 after an error that the log names (domain.json is then
 * what it was, so start it again with --adopt); 3 when another instance holds the folder. The program is
 * meant to outlive hostd: start it in a session (or unit) of its own, standard input /dev/null.
 */

#include "common/base/macros.h"

#define DOMAIN_PROGRAM_EXIT_BUSY 3

#define DOMAIN_PROGRAM_EMULATOR_TIMEOUT (50 * UINT64_C(1000000))
#define DOMAIN_PROGRAM_RUNNING_TIMEOUT (3600 * UINT64_C(1000000))
#define DOMAIN_PROGRAM_GIMTOOL_TIMEOUT (60 * UINT64_C(1000000))

typedef enum EmulatorForm {
        EMULATOR_FORM_TODAY,
        EMULATOR_FORM_6X,
        _EMULATOR_FORM_MAX,
        _EMULATOR_FORM_INVALID = -EINVAL,
} EmulatorForm;

const char *emulator_form_to_string(EmulatorForm form); /* "today", "6.x" */
EmulatorForm emulator_form_from_string(const char *text);

/* Texts are borrowed; NULL or 0 takes the default that stands behind the member. */
typedef struct DomainProgram {
        const char *program;    /* path of xenvgpu-domain; required */
        const char *folder;     /* required */
        const char *hypervisor; /* "simulated" */
        const char *sim_dir;    /* required where the hypervisor is simulated */
        const char *dm;         /* required */
        const char *emulator;   /* "vgpu", looked up in the emulator's own PATH */
        EmulatorForm emulator_form;
        uint64_t emulator_timeout;    /* µs; DOMAIN_PROGRAM_EMULATOR_TIMEOUT */
        uint64_t running_timeout;     /* µs; DOMAIN_PROGRAM_RUNNING_TIMEOUT */
        const char *qemu;             /* "qemu-system-i386" */
        const char *qemu_vgpu_args;   /* "-vgpu" */
        const char *sysfs;            /* none: no drivers, and an MxGPU VGPU gets no virtual function (simulated alone) */
        const char *gimtool;          /* "gimtool" */
        uint64_t gimtool_timeout;     /* µs; DOMAIN_PROGRAM_GIMTOOL_TIMEOUT */
        const char *core_dump_folder; /* none: no cores */
        uint64_t core_dumps;          /* 0: no cores */
        bool crash_on_emulator_death; /* else the death is reported and the guest goes on */
        bool adopt;
} DomainProgram;

/* The argument vector, NULL-terminated, argv[0] is the program. Free with strv_free()
 * (common/base/strlist.h). -ENOMEM, -EINVAL. */
int domain_program_build_argv(const DomainProgram *p, char ***ret);

/* The other way round, for the program itself. The texts point into argv; on -EINVAL *ret_error is a sentence
 * (caller frees). */
int domain_program_parse_argv(char **argv, DomainProgram *ret, char **ret_error);

/*
 * What xenvgpu-dm gets through its environment
 *
 * The hypervisor's library runs the device model with arguments of its own making, so whatever else the
 * device model must know travels in variables that xenvgpu-domain sets before it creates the domain:
 * XENVGPU_RUN_FOLDER, XENVGPU_EMULATOR, XENVGPU_EMULATOR_FORM, XENVGPU_EMULATOR_TIMEOUT (µs), XENVGPU_QEMU,
 * XENVGPU_QEMU_VGPU_ARGS.
 */

/* Where the emulator looks for programs, and is looked for itself: all of its environment on a real host. */
#define DM_EMULATOR_PATH "/sbin:/usr/sbin:/bin:/usr/bin"

/* Sets the variables in our own environment. -ENOMEM. */
int dm_settings_export(const DomainProgram *p);

/* Reads them back; the texts belong to the environment. A variable that is not set takes the default (no folder: it is
 * found by the domain's uuid); -EINVAL names the bad one in *ret_bad. */
int dm_settings_import(DomainProgram *ret, const char **ret_bad);
