/*
 * Strangers: domains that have a GPU of this host and that nobody here started
 */

#include <stdio.h>
#include <systemd/sd-event.h>

#include "common/daemon/log.h"
#include "hostd/service/events.h"
#include "hostd/machine/strangers.h"
#include "hostd/vm/vm.h"

#define LOOK_AGAIN (5 * UINT64_C(1000000))

static bool same_slot(const PciAddress *a, const PciAddress *b) {
        return a->domain == b->domain && a->bus == b->bus && a->dev == b->dev;
}

const DomainFunction *host_find_stranger(const Host *h, const PciAddress *gpu) {
        for (size_t i = 0; i < h->n_strangers; i++)
                if (same_slot(&h->strangers[i].address, gpu))
                        return &h->strangers[i];
        return NULL;
}

char *host_describe_stranger(const Host *h, const PciAddress *gpu) {
        const DomainFunction *f = host_find_stranger(h, gpu);
        char *text;

        if (!f)
                return strdup("");
        return asprintf(&text, "domain '%s' (id %u)", f->name, f->domid) < 0 ? NULL : text;
}

static bool is_of_gpu(const Host *h, const DomainFunction *f) {
        for (size_t i = 0; i < h->hardware.n_pgpus; i++)
                if (same_slot(&h->hardware.pgpus[i].address, &f->address))
                        return true;
        return false;
}

bool host_has_unread_order(const Host *h, const Uuid *vm) {
        for (size_t i = 0; i < h->n_unread; i++)
                if (uuid_equal(&h->unread[i], vm))
                        return true;
        return false;
}

int host_note_unread_order(Host *h, const Uuid *vm) {
        Uuid *unread;

        if (host_has_unread_order(h, vm))
                return 0;
        unread = reallocarray(h->unread, h->n_unread + 1, sizeof(*unread));
        if (!unread)
                return -ENOMEM;
        h->unread = unread;
        h->unread[h->n_unread++] = *vm;
        return 0;
}

/* Nobody can read which order it was, so the VM's uuid stands for the token; the inventory has that too. */
static int store_unread_end(Host *h, const Uuid *vm) {
        VmEvent e = {.head = {.boot_id = (char *) host_get_boot_id(h), .token = *vm},
                .uuid = *vm,
                .state = VM_STATE_HALTED,
                .stage = (char *) "",
                .reason = (char *) "gone"};
        int r;

        r = host_store_next_seq(h->store, &e.head.seq);
        if (r >= 0)
                r = host_store_end_order(h->store, vm, &e);
        if (r >= 0)
                events_tell(h, &e);
        return r;
}

/* Without the end on disk the VM counts as there, until the next look. */
static int forget_unread(Host *h, size_t i) {
        int r;

        r = store_unread_end(h, &h->unread[i]);
        if (r < 0)
                return log_errno(
                        r, "Failed to store the end of VM %s, trying again", UUID_TEXT(&h->unread[i]));
        log_event(LOG_NOTICE, NULL, FIELDS(vm_log_field(&h->unread[i], (char[VM_LOG_FIELD_MAX]){})),
                "The domain of VM %s, whose stored order or run folder cannot be read, is gone: no GPU is "
                "kept for it any "
                "more.",
                UUID_TEXT(&h->unread[i]));
        h->unread[i] = h->unread[--h->n_unread];
        host_touch(h);
        return 0;
}

/* Nobody knows which it has, so it has them all. */
static int add_all_gpus(const Host *h, const Uuid *vm, uint32_t domid, DomainFunction **list, size_t *n) {
        for (size_t i = 0; i < h->hardware.n_pgpus; i++) {
                DomainFunction *items = reallocarray(*list, *n + 1, sizeof(*items)), f = {
                        .address = h->hardware.pgpus[i].address, .domid = domid, .uuid = *vm};

                if (!items)
                        return -ENOMEM;
                *list = items;
                if (asprintf(&f.name, "VM %s, whose stored order or run folder cannot be read",
                            UUID_TEXT(vm)) < 0)
                        return -ENOMEM;
                items[(*n)++] = f;
        }
        return 0;
}

/* Whether the domain is there is not always told; then it counts as there. */
static int add_unread(Host *h, DomainFunction **list, size_t *n) {
        int r = 0;

        for (size_t i = h->n_unread; i > 0 && r >= 0; i--) {
                uint32_t domid = 0;

                /* Its run folder told after all. */
                if (hashmap_get(h->vms, &h->unread[i - 1])) {
                        h->unread[i - 1] = h->unread[--h->n_unread];
                        continue;
                }
                r = host_facts_find_domain(h->facts_source, &h->unread[i - 1], &domid);
                if (r == -ENOENT && forget_unread(h, i - 1) >= 0)
                        r = 0;
                else
                        r = add_all_gpus(h, &h->unread[i - 1], domid, list, n);
        }
        return r;
}

static bool lists_equal(const DomainFunction *a, size_t n_a, const DomainFunction *b, size_t n_b) {
        bool equal = n_a == n_b;

        for (size_t i = 0; i < n_a && equal; i++)
                equal = pci_address_compare(&a[i].address, &b[i].address) == 0 && a[i].domid == b[i].domid &&
                        strcmp(a[i].name, b[i].name) == 0;
        return equal;
}

static int on_look_again(sd_event_source *source, uint64_t usec, void *userdata) {
        Host *h = userdata;
        int r;

        h->strangers_timer = sd_event_source_disable_unref(h->strangers_timer);
        r = host_look_for_strangers(h);
        if (r < 0)
                (void) log_errno(r, "Failed to see whether others still have GPUs, ignoring");
        return 0;
}

/* Nobody tells when a domain that is not ours lets go. */
static void look_again_later(Host *h) {
        if ((h->n_strangers == 0 && h->n_unread == 0) || h->strangers_timer)
                return;
        if (sd_event_add_time_relative(h->event, &h->strangers_timer, CLOCK_MONOTONIC, LOOK_AGAIN,
                    /* accuracy= */ 0, on_look_again, h) < 0)
                log_error("Failed to plan another look at who has GPUs; the next start looks.");
}

int host_look_for_strangers(Host *h) {
        DomainFunction *list = NULL;
        size_t n = 0, k = 0;
        int r;

        r = host_facts_list_functions(h->facts_source, &list, &n);
        if (r < 0) {
                look_again_later(h);
                return r;
        }
        for (size_t i = 0; i < n; i++) {
                DomainFunction f = list[i];

                if (hashmap_get(h->vms, &f.uuid) || !is_of_gpu(h, &f))
                        continue;
                list[i] = list[k];
                list[k++] = f;
        }
        for (size_t i = k; i < n; i++)
                free(list[i].name);
        r = add_unread(h, &list, &k);
        if (r < 0) {
                domain_functions_free(list, k);
                return r;
        }

        if (!lists_equal(list, k, h->strangers, h->n_strangers))
                host_touch(h);
        domain_functions_free(h->strangers, h->n_strangers);
        h->strangers = list;
        h->n_strangers = k;
        look_again_later(h);
        return 0;
}

void host_forget_strangers(Host *h) {
        h->strangers_timer = sd_event_source_disable_unref(h->strangers_timer);
        domain_functions_free(h->strangers, h->n_strangers);
        h->strangers = NULL;
        h->n_strangers = 0;
        free(h->unread);
        h->unread = NULL;
        h->n_unread = 0;
}
