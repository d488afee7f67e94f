/*
 * Start orders: what is made of one, from the check of its config to the arguments of its programs
 */

#include "hostd/dm/arguments.h"
#include "hostd/domain/domain-config.h"
#include "hostd/edge/config-check.h"
#include "hostd/run/sim-host.h"
#include "tests/fuzz/fuzz.h"

static void demand(bool holds) {
        if (!holds)
                abort();
}

static int object(const char *path, const char *key, const char *fault, void *userdata) {
        demand(!isempty(path) && !isempty(key));
        return 0;
}

static void check_config(const StartOrder *order) {
        static const char *const allowed[] = {"b_info.kernel=/srv/", "vgpu_extra_args=a=b", NULL};
        const ConfigRules rules = {.storage = "/srv /var/lib/xen/images", .allowed = allowed};

        demand(config_check(order, &rules, object, NULL) >= 0);
}

static void lay_out(const StartOrder *order) {
        _cleanup_json_ struct json_object *config = NULL;
        _cleanup_free_ char *error = NULL;
        DomainRules rules;
        ErrorCode code = ERROR_NONE;
        uint64_t needs;
        int r;

        r = domain_config_lay_out(order, "/usr/libexec/xenvgpu/xenvgpu-dm", &config, &code, &error);
        demand(r >= 0 || (code != ERROR_NONE && !isempty(error)));
        if (r < 0)
                return;
        domain_config_rules(config, &rules);
        (void) sim_host_needs(config, &needs);
}

static void build_arguments(const StartOrder *order, EmulatorForm form) {
        static const char *const made[] = {"-vga", "std", "-device", "cirrus-vga,vgamem_mb=8", "-m", "64", NULL};
        _cleanup_(strv_freep) char **emulator = NULL, **qemu = NULL;
        const char *error = NULL;
        int r;

        if (dm_gpus_check(order->vgpus, order->n_vgpus, &error) < 0) {
                demand(!isempty(error));
                return;
        }
        if (dm_needs_emulator(order->vgpus, order->n_vgpus)) {
                r = dm_build_emulator_arguments("vgpu", form, 7, 2, order->vgpus, order->n_vgpus, &emulator, &error);
                demand(r < 0 ? !isempty(error) : emulator && emulator[0]);
        }
        demand(dm_build_qemu_arguments("qemu", made, "-vgpu", order->vgpus, order->n_vgpus, &qemu) >= 0 && qemu[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);
        StartOrder order;
        JsonReader r;

        if (!text || start_order_read(&r, text, &order) < 0)
                return 0;
        check_config(&order);
        lay_out(&order);
        for (EmulatorForm form = 0; form < _EMULATOR_FORM_MAX; form++)
                build_arguments(&order, form);
        start_order_done(&order);
        return 0;
}
