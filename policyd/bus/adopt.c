/*
 * Manager.AdoptVM and EndOutsideVM: they ask the host, so they are answered when that has answered (and the VM is stored)
 */

#include "policyd/bus/bus-private.h"

typedef struct Adoption {
        Bus *bus;
        Request *request;
        Uuid vm;
} Adoption;

static void adopted(ErrorCode code, const char *message, void *userdata) {
        _cleanup_free_ Adoption *a = userdata;

        if (code == ERROR_NONE)
                change_note_decided(request_note(a->request), pool_get(policy_pool(a->bus->policy), CLASS_VM, &a->vm));
        request_committed(code, message, a->request);
}

static int adopt(Call *c, Host *host, const char *domain) {
        _cleanup_free_ Adoption *a = calloc(1, sizeof(*a));
        char path[OBJECT_PATH_MAX];
        int r;

        if (!a)
                return -ENOMEM;
        a->bus = c->bus;
        r = request_take(&c->bus->requests, c->m, &a->request, c->error);
        if (r < 0)
                return r;
        r = vms_adopt(c->bus->policy, host, domain, adopted, a, &a->vm, &c->refusal);
        r = bus_decided(c->bus, r, &c->refusal, c->error);
        if (r < 0) {
                request_give_back(a->request);
                return r;
        }
        (void) request_set_path(a->request, object_path(CLASS_VM, &a->vm, path)); /* without memory the answer is empty */
        a = NULL; /* the answer frees it */
        return 1;
}

/* Answered with what ends, or why it does not. */
static void ended(ErrorCode code, const char *message, void *userdata) {
        Request *request = userdata;

        if (code == ERROR_NONE)
                (void) request_set_text(request, message); /* without memory the answer is empty */
        request_committed(code, message, request);
}

static int end(Call *c, Host *host, const char *domain) {
        Request *request;
        int r;

        r = request_take(&c->bus->requests, c->m, &request, c->error);
        if (r < 0)
                return r;
        r = vms_end_outside(c->bus->policy, host, domain, ended, request, &c->refusal);
        r = bus_decided(c->bus, r, &c->refusal, c->error);
        if (r < 0)
                request_give_back(request);
        return r < 0 ? r : 1;
}

static int method_of_outsider(sd_bus_message *m, Bus *bus, int (*does)(Call *c, Host *host, const char *domain), sd_bus_error *error) {
        _cleanup_call_ Call c = {.bus = bus, .m = m, .error = error};
        const char *host_path, *domain;
        Object *host;
        int r;

        r = sd_bus_message_read(m, "o", &host_path);
        if (r >= 0)
                r = bus_text(m, "domain", TEXT_LINE, &domain, error);
        if (r >= 0)
                r = call_begin(&c, /* allowed= */ 0, "%s\n%s", host_path, domain);
        if (r != 0)
                return r;
        r = object_argument(c.bus, host_path, CLASS_HOST, &host, error);
        return r < 0 ? r : does(&c, (Host *) host, domain);
}

int method_adopt_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return method_of_outsider(m, userdata, adopt, error);
}

int method_end_outside_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return method_of_outsider(m, userdata, end, error);
}
