/*
 * xenvgpu-dm: executed by the hypervisor's library in place of qemu
 */

#include <stdio.h>

#include "common/daemon/log.h"
#include "hostd/dm/device-model.h"

static const char usage[] =
        "xenvgpu-dm starts a VM's display emulator, waits until it is up, and becomes qemu.\n"
        "The hypervisor's library runs it as the device model; its arguments are qemu's.\n";

int main(int argc, char **argv) {
        DomainProgram settings;
        const char *bad;

        if (argc == 2 && streq(argv[1], "--help")) {
                (void) fputs(usage, stdout);
                return EXIT_SUCCESS;
        }
        if (argc == 2 && streq(argv[1], "--version")) {
                (void) puts("xenvgpu-dm " XENVGPU_VERSION);
                return EXIT_SUCCESS;
        }

        log_setup("xenvgpu-dm", LOG_INFO);
        if (dm_settings_import(&settings, &bad) < 0) {
                log_error("The variable %s has a value that cannot be used.", bad);
                return EXIT_FAILURE;
        }
        return device_model_run(&settings, argv);
}
