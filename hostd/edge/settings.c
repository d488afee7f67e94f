/*
 * The settings of hostd
 *
 * One table for the reader, the help and the manual. What two settings mean together is checked once, at
 * start, so that a mistake is a sentence then and not a VM that fails later.
 */

#include <stddef.h>

#include "common/daemon/log.h"
#include "common/io/file-trust.h"
#include "hostd/core/text-lines.h"
#include "hostd/edge/settings.h"

#define ROW(kind, member, fallback, help) { #member, SETTING_##kind, offsetof(HostSettings, member), fallback, help },
#define TEXT(...) ROW(STRING, __VA_ARGS__)
#define WORDS(...) ROW(STRV, __VA_ARGS__)
#define NUMBER(...) ROW(U64, __VA_ARGS__)
#define SECONDS(...) ROW(SECONDS, __VA_ARGS__)

const Setting host_setting_table[] = { HOST_SETTINGS(TEXT, WORDS, NUMBER, SECONDS) };
const size_t host_n_settings = ARRAY_SIZE(host_setting_table);

/* libxl gives a device model 60 s, and ending an emulator that does not come up takes 5 of them. */
#define LIBXL_EMULATOR_TIMEOUT_MAX (55 * UINT64_C(1000000))

/* Words that a setting may take. */
typedef struct Choice {
        const char *name, *value;
        const char *words[3];
} Choice;

static int check_choice(const Choice *c) {
        for (size_t i = 0; i < ARRAY_SIZE(c->words) && c->words[i]; i++)
                if (streq(c->value, c->words[i]))
                        return 0;
        log_error("Setting %s is '%s': take %s or %s.", c->name, c->value, c->words[0], c->words[1]);
        return -EINVAL;
}

static int check_program(const char *name, const char *path) {
        if (access(path, X_OK) == 0)
                return 0;
        log_error("Setting %s is '%s', which cannot be executed: %s.", name, path, strerror(errno));
        return -EINVAL;
}

/* A word that names nothing would hide a GPU, and nobody would know why. */
static int check_accelerators(char *const *words) {
        for (; words && *words; words++) {
                TextSpan s = { *words, *words + strlen(*words) };
                uint16_t id;

                if (text_read_hex16(&s, &id) && (!text_read_word(&s, ":") || text_read_hex16(&s, &id)) && text_span_size(&s) == 0)
                        continue;
                log_error("Setting accelerators has '%s': take a PCI vendor (1002) or a device (1002:74a1), in four hex digits "
                          "each.",
                        *words);
                return -EINVAL;
        }
        return 0;
}

static int check(const HostSettings *s) {
        const Choice choices[] = {
                {"hypervisor", s->hypervisor, {"libxl", "simulated"}},
                {"units", s->units, {"systemd", "process"}},
                {"emulator_arguments", s->emulator_arguments, {"today", "6.x"}},
                {"sriov_division", s->sriov_division, {"ours", "fixed"}},
                {"on_emulator_death", s->on_emulator_death, {"report", "crash"}},
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
                r = check_choice(&choices[i]);
                if (r < 0)
                        return r;
        }
        if (streq(s->hypervisor, "simulated") && isempty(s->sim_dir)) {
                log_error("Setting hypervisor is 'simulated', which needs sim_dir: name the folder of the "
                          "simulated host.");
                return -EINVAL;
        }
        if (streq(s->hypervisor, "libxl") && s->emulator_timeout > LIBXL_EMULATOR_TIMEOUT_MAX) {
                log_error("Setting emulator_timeout is %.0f s: libxl ends a device model that is not up within 60 s, "
                          "and its reason would be lost. Take %.0f s or less.",
                        (double) s->emulator_timeout / 1e6, (double) LIBXL_EMULATOR_TIMEOUT_MAX / 1e6);
                return -EINVAL;
        }
        if (s->concurrent_starts == 0) {
                log_error("Setting concurrent_starts is 0, so that no VM could ever start: take 1 or more.");
                return -EINVAL;
        }
        r = check_accelerators(s->accelerators);
        if (r >= 0)
                r = check_program("domain_program", s->domain_program);
        if (r < 0)
                return r;
        return check_program("dm_program", s->dm_program);
}

/* A lab, by its command line; its settings may belong to any user. */
static bool is_lab(const char *const *args) {
        for (; args && *args; args++)
                if (streq(*args, "hypervisor=simulated"))
                        return true;
        return false;
}

/* The file names programs that hostd runs as root, so only root may write it. */
static int check_trust(const char *path, const char *const *args) {
        _cleanup_free_ char *fault = NULL;
        int r;

        if (geteuid() != 0 || !path || path[0] != '/' || is_lab(args))
                return 0;
        r = file_trust_fault(path, &fault);
        if (r < 0)
                return log_errno(r, "Failed to see who may write %s", path);
        if (!fault)
                return 0;
        log_error("%s: others than root could write the settings, which name programs that root runs. See what "
                  "stands in %s, then give it to root (chown root:root, chmod go-w), and start again.",
                fault, path);
        return -EPERM;
}

int host_settings_load(const char *path, const char *const *args, HostSettings *ret) {
        _cleanup_(host_settings_done) HostSettings s = {};
        int r;

        r = settings_init(host_setting_table, host_n_settings, &s);
        if (r >= 0)
                r = check_trust(path, args);
        if (r >= 0)
                r = settings_load(host_setting_table, host_n_settings, "hostd", path, args, &s);
        if (r >= 0)
                r = check(&s);
        if (r < 0)
                return r;
        *ret = take_struct(s);
        return 0;
}

/* Nobody keeps these: each is read from the settings when it is used. */
static const char *const live[] = {
        "nvidia_conf_dir", "nvidia_xml", "nvidia_driver_link", "gvtg_list", "mxgpu_list", "storage", "allowed_config_keys",
        "domain_program", "dm_program", "emulator", "emulator_arguments", "emulator_timeout", "running_timeout",
        "on_emulator_death", "qemu", "qemu_vgpu_args", "gimtool", "gimtool_timeout", "core_dump_folder", "core_dumps",
        "concurrent_starts", "program_restarts", NULL,
};

int host_settings_reload(const char *path, const char *const *args, HostSettings *running) {
        _cleanup_(host_settings_done) HostSettings fresh = {};
        int r;

        r = host_settings_load(path, args, &fresh);
        if (r < 0) {
                log_error("The settings stay as they were, since those of %s cannot be taken.", path);
                return r;
        }
        settings_take(host_setting_table, host_n_settings, live, "xenvgpu-hostd", running, &fresh);
        return 0;
}

void host_settings_done(HostSettings *s) {
        settings_done(host_setting_table, host_n_settings, s);
}

static const char *text_or_null(const char *text) {
        return isempty(text) ? NULL : text;
}

HardwareSettings host_settings_hardware(const HostSettings *s) {
        return (HardwareSettings){
                .pci =
                        {
                                .sysfs_path = text_or_null(s->sysfs_path),
                                .listing = text_or_null(s->pci_dump),
                                .pci_ids = text_or_null(s->pci_ids),
                                .nvidia_gpus = text_or_null(s->nvidia_gpus),
                                .vga_arbiter = text_or_null(s->vga_arbiter),
                                .accelerators = s->accelerators,
                        },
                .files =
                        {
                                .nvidia_conf_dir = s->nvidia_conf_dir,
                                .nvidia_xml = s->nvidia_xml,
                                .nvidia_driver = s->nvidia_driver_link,
                                .gvtg_list = s->gvtg_list,
                                .mxgpu_list = s->mxgpu_list,
                                .sriov_list = s->sriov_list,
                                .keeps_divisions = streq_ptr(s->sriov_division, "fixed"),
                        },
        };
}

ConfigRules host_settings_config_rules(const HostSettings *s) {
        return (ConfigRules){
                .storage = s->storage,
                .allowed = (const char *const *) s->allowed_config_keys,
        };
}
