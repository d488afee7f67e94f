/*
 * What xenvgpu-dm is told through its environment
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "hostd/run/dm-settings.h"

static int set_variable(const char *name, const char *value) {
        return setenv(name, value, /* overwrite= */ 1) < 0 ? -errno : 0;
}

int dm_settings_export(const DomainProgram *p) {
        char timeout[32];
        int r;

        (void) snprintf(timeout, sizeof(timeout), "%" PRIu64, p->emulator_timeout);

        r = set_variable("XENVGPU_RUN_FOLDER", p->folder);
        if (r >= 0)
                r = set_variable("XENVGPU_EMULATOR", p->emulator);
        if (r >= 0)
                r = set_variable("XENVGPU_EMULATOR_FORM", emulator_form_to_string(p->emulator_form));
        if (r >= 0)
                r = set_variable("XENVGPU_EMULATOR_TIMEOUT", timeout);
        if (r >= 0)
                r = set_variable("XENVGPU_QEMU", p->qemu);
        if (r >= 0)
                r = set_variable("XENVGPU_QEMU_VGPU_ARGS", p->qemu_vgpu_args);
        return r;
}

static const char *get_variable(const char *name, const char *fallback) {
        const char *value = getenv(name);

        return isempty(value) ? fallback : value;
}

int dm_settings_import(DmSettings *ret, const char **ret_bad) {
        DmSettings s = {
                .folder = get_variable("XENVGPU_RUN_FOLDER", NULL),
                .emulator = get_variable("XENVGPU_EMULATOR", "vgpu"),
                .emulator_timeout = DOMAIN_PROGRAM_EMULATOR_TIMEOUT,
                .qemu = get_variable("XENVGPU_QEMU", "qemu-system-i386"),
                .qemu_vgpu_args = get_variable("XENVGPU_QEMU_VGPU_ARGS", "-vgpu"),
        };
        const char *timeout;

        s.emulator_form = emulator_form_from_string(get_variable("XENVGPU_EMULATOR_FORM", "today"));
        if (s.emulator_form < 0) {
                *ret_bad = "XENVGPU_EMULATOR_FORM";
                return -EINVAL;
        }

        timeout = get_variable("XENVGPU_EMULATOR_TIMEOUT", NULL);
        if (timeout && parse_u64(timeout, &s.emulator_timeout) < 0) {
                *ret_bad = "XENVGPU_EMULATOR_TIMEOUT";
                return -EINVAL;
        }

        *ret = s;
        return 0;
}
