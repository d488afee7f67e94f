/*
 * The drivers that a VM's VGPUs need in dom0
 *
 * Bound before the domain is built, where a guest to which a function was passed through has left it without.
 */

#include "hostd/domain/domain-private.h"
#include "hostd/helper/native-driver.h"

static void on_bound(int result, const char *words, void *userdata) {
        if (result < 0)
                domain_fail(userdata, ERROR_DOMAIN_FAILED, "%s", words);
        else
                domain_build(userdata);
}

void domain_bind_drivers(Domain *d) {
        _cleanup_(helper_work_done) HelperWork work = {};
        int r;

        if (!native_driver_work(d->program->sysfs, d->order.vgpus, d->order.n_vgpus,
                    streq_ptr(d->program->hypervisor, "libxl"), &work)) {
                domain_build(d);
                return;
        }
        d->function = helper_process_free(d->function);
        r = helper_process_start(d->event, &work, on_bound, d, &d->function);
        if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The driver %s cannot be bound: %s.",
                        native_driver_of(d->order.vgpus[0].kind), strerror(-r));
}
