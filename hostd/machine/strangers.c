/*
 * Strangers: domains that have a GPU of this host and that hostd did not start
 */

#include <stdio.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "hostd/machine/strangers.h"

#define LOOK_AGAIN (5 * UINT64_C(1000000))

const DomainFunction *strangers_find(const Strangers *s, const PciAddress *gpu) {
        for (size_t i = 0; i < s->n; i++)
                if (pci_same_slot(&s->list[i].address, gpu))
                        return &s->list[i];
        return NULL;
}

const DomainFunction *strangers_find_domain(const Strangers *s, const Uuid *uuid) {
        for (size_t i = 0; i < s->n; i++)
                if (uuid_equal(&s->list[i].uuid, uuid))
                        return &s->list[i];
        return NULL;
}

char *strangers_describe(const Strangers *s, const PciAddress *gpu) {
        const DomainFunction *f = strangers_find(s, gpu);

        return f ? text_printf("domain '%s' (id %u)", f->name, f->domid) : strdup("");
}

static bool is_of_gpu(const Strangers *s, const DomainFunction *f) {
        for (size_t i = 0; i < s->hardware->n_pgpus; i++)
                if (pci_same_slot(&s->hardware->pgpus[i].address, &f->address))
                        return true;
        return s->listener->is_of_gpu(&f->address, s->userdata);
}

bool strangers_is_unread(const Strangers *s, const Uuid *vm) {
        for (size_t i = 0; i < s->n_unread; i++)
                if (uuid_equal(&s->unread[i], vm))
                        return true;
        return false;
}

int strangers_add_unread(Strangers *s, const Uuid *vm) {
        Uuid *unread;

        if (strangers_is_unread(s, vm))
                return 0;
        unread = reallocarray(s->unread, s->n_unread + 1, sizeof(*unread));
        if (!unread)
                return -ENOMEM;
        s->unread = unread;
        s->unread[s->n_unread++] = *vm;
        return 0;
}

static int forget_unread(Strangers *s, size_t i) {
        int r;

        r = s->listener->gone(&s->unread[i], s->userdata);
        if (r < 0)
                return r;
        s->unread[i] = s->unread[--s->n_unread];
        s->listener->changed(s->userdata);
        return 0;
}

/* It is not known which GPUs it has, so all count as in use. */
static int add_all_gpus(const Strangers *s, const Uuid *vm, uint32_t domid, DomainFunction **list, size_t *n) {
        for (size_t i = 0; i < s->hardware->n_pgpus; i++) {
                DomainFunction *items = reallocarray(*list, *n + 1, sizeof(*items)), f = {
                        .address = s->hardware->pgpus[i].address, .domid = domid, .uuid = *vm};

                if (!items)
                        return -ENOMEM;
                *list = items;
                f.name = text_printf("VM %s, whose stored order or run folder cannot be read", UUID_TEXT(vm));
                if (!f.name)
                        return -ENOMEM;
                items[(*n)++] = f;
        }
        return 0;
}

/* If the hypervisor cannot say whether the domain exists, it counts as existing. */
static int add_unread(Strangers *s, DomainFunction **list, size_t *n) {
        int r = 0;

        for (size_t i = s->n_unread; i > 0 && r >= 0; i--) {
                uint32_t domid = 0;

                /* Its run folder told after all. */
                if (s->listener->is_ours(&s->unread[i - 1], s->userdata)) {
                        s->unread[i - 1] = s->unread[--s->n_unread];
                        continue;
                }
                r = machine_facts_find_domain(s->source, &s->unread[i - 1], &domid);
                if (r == -ENOENT && forget_unread(s, i - 1) >= 0)
                        r = 0;
                else
                        r = add_all_gpus(s, &s->unread[i - 1], domid, list, n);
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

static void on_look_again(void *userdata) {
        int r;

        r = strangers_look(userdata);
        if (r < 0)
                (void) log_errno(r, "Failed to see whether others still have GPUs, ignoring");
}

/* Nothing announces that such a domain has ended, so we look again. */
static void look_again_later(Strangers *s) {
        if ((s->n == 0 && s->n_unread == 0) || loop_timer_is_armed(s->timer))
                return;
        if (loop_call_in(s->loop, &s->timer, LOOK_AGAIN, on_look_again, s) < 0)
                log_error("Failed to plan another look at who has GPUs; the next start looks.");
}

int strangers_look(Strangers *s) {
        DomainFunction *list = NULL;
        size_t n = 0, k = 0;
        int r;

        r = machine_facts_list_functions(s->source, &list, &n);
        if (r < 0) {
                look_again_later(s);
                return r;
        }
        for (size_t i = 0; i < n; i++) {
                DomainFunction f = list[i];

                if (s->listener->is_ours(&f.uuid, s->userdata) || !is_of_gpu(s, &f))
                        continue;
                list[i] = list[k];
                list[k++] = f;
        }
        for (size_t i = k; i < n; i++)
                free(list[i].name);
        r = add_unread(s, &list, &k);
        if (r < 0) {
                domain_functions_free(list, k);
                return r;
        }

        if (!lists_equal(list, k, s->list, s->n))
                s->listener->changed(s->userdata);
        domain_functions_free(s->list, s->n);
        s->list = list;
        s->n = k;
        look_again_later(s);
        return 0;
}

void strangers_done(Strangers *s) {
        loop_timer_free(s->timer);
        domain_functions_free(s->list, s->n);
        free(s->unread);
        *s = (Strangers){};
}
