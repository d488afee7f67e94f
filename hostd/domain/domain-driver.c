/*
 * The drivers that a VM's VGPUs need in dom0
 *
 * Bound before the domain is built, where a guest to which a function was passed through has left it without.
 */

#include "common/json/json-get.h"
#include "hostd/helper/assign.h"
#include "hostd/domain/domain-private.h"
#include "hostd/helper/native-driver.h"

#define TIMEOUT (60 * UINT64_C(1000000))
#define FIXED_ARGUMENTS 3

static void on_bound(int result, const char *words, void *userdata) {
        if (result < 0)
                domain_fail(userdata, ERROR_DOMAIN_FAILED, "%s", words);
        else
                domain_build(userdata);
}

/* What xen-pciback holds is libxl's to take from it, which a simulated host does not have. */
static bool can_be_mended(const Domain *d, const PciAddress *function) {
        char buf[ASSIGN_DRIVER_SIZE];

        return streq_ptr(d->program->hypervisor, "libxl") ||
               !streq(assign_read_driver(d->program->sysfs, function, buf), "pciback");
}

/* The helper's arguments; *ret_n functions are without the driver. */
static int list_arguments(const Domain *d, const char *driver, char ***ret, size_t *ret_n) {
        _cleanup_(strv_freep) char **list = calloc(FIXED_ARGUMENTS + d->order.n_vgpus + 1, sizeof(*list));
        const char *const fixed[FIXED_ARGUMENTS] = { NATIVE_DRIVER_VERB, d->program->sysfs, driver };
        size_t n = 0;

        if (!list)
                return -ENOMEM;
        for (; n < FIXED_ARGUMENTS; n++) {
                list[n] = strdup(fixed[n]);
                if (!list[n])
                        return -ENOMEM;
        }
        for (size_t i = 0; i < d->order.n_vgpus; i++) {
                const PciAddress *function = &d->order.vgpus[i].physical_pci_address;

                if (!native_driver_is_missing(d->program->sysfs, function, driver) ||
                        !can_be_mended(d, function))
                        continue;
                list[n] = strdup(PCI_TEXT(function));
                if (!list[n++])
                        return -ENOMEM;
        }
        *ret_n = n - FIXED_ARGUMENTS;
        *ret = take_ptr(list);
        return 0;
}

void domain_bind_drivers(Domain *d) {
        const char *driver = d->order.n_vgpus > 0 ? native_driver_of(d->order.vgpus[0].kind) : NULL;
        _cleanup_(strv_freep) char **arguments = NULL;
        size_t n = 0;
        int r = 0;

        /* A bare listing of a PCI bus, in the lab, has no drivers. */
        if (driver && d->program->sysfs)
                r = list_arguments(d, driver, &arguments, &n);
        if (r >= 0 && n == 0) {
                domain_build(d);
                return;
        }
        d->function = helper_process_free(d->function);
        if (r >= 0)
                r = helper_process_start(d->event, (const char *const *) arguments, TIMEOUT,
                        "The driver of a VGPU's PCI function did not take it within 60 seconds: see the kernel's log.",
                        on_bound, d, &d->function);
        if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The driver %s cannot be bound: %s.", driver, strerror(-r));
}
