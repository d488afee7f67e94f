/*
 * xenvgpu-hostd --self-test
 */

#include <sys/utsname.h>

#include "hostd/selftest/checks.h"

static void check_self(Selftest *t) {
        struct utsname uts = {};

        (void) uname(&uts);
        report_ok(&t->report, "xenvgpu-hostd", "version %s on %s, kernel %s", XENVGPU_VERSION, uts.nodename,
                uts.release);
        if (geteuid() == 0 || t->simulated)
                report_ok(&t->report, "user", "uid %u", (unsigned) geteuid());
        else
                report_failed(&t->report, "user", "Run it as root, as hostd runs.",
                        "uid %u, which neither Xen nor its devices let near them", (unsigned) geteuid());
}

int selftest_run(const HostSettings *host, const char *state_dir, const char *runtime_dir, bool json) {
        Selftest t = {
                .host = host,
                .state_dir = state_dir,
                .runtime_dir = runtime_dir,
                .simulated = streq(host->hypervisor, "simulated"),
        };

        report_begin(&t.report, stdout, json);
        check_self(&t);
        check_hypervisor(&t);
        check_hardware(&t);
        check_programs(&t);
        check_system(&t);
        check_configs(&t);

        hardware_done(&t.hardware);
        machine_facts_done(&t.facts);
        (void) machine_facts_source_free(t.facts_source);
        return report_end(&t.report);
}
