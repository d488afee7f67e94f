/*
 * The link's interface, played by simulated hosts
 */

#include "tests/unit/policyd-service/fake-link.h"

#include <stdio.h>

#include "common/base/strbuf.h"

FakeHost fake_hosts[8];
size_t n_fake_hosts;

typedef enum TaskKind {
        TASK_DIAL,
        TASK_CLAIM,
        TASK_START,
        TASK_STOP,
        TASK_TYPES,
        TASK_GET,
        TASK_END,
        TASK_RELEASE,
} TaskKind;

typedef struct Task Task;
struct Task {
        TaskKind kind;
        HostLink *link;
        LinkClaim claim;
        char *text;
        LinkReply reply;
        void *userdata;
        Task *next;
};

struct HostLink {
        FakeHost *host;
        LinkOwner owner;
        void *userdata;
        bool connected, claimed;
};

static Task *tasks;

static void task_free(Task *t) {
        free(t->text);
        free(t);
}

static void task_add(TaskKind kind, HostLink *link, const LinkClaim *claim, const char *text, LinkReply reply,
        void *userdata) {
        Task *t = calloc(1, sizeof(*t)), **at;

        *t = (Task){.kind = kind,
                .link = link,
                .reply = reply,
                .userdata = userdata,
                .text = text ? strdup(text) : NULL};
        if (claim)
                t->claim = *claim;
        for (at = &tasks; *at; at = &(*at)->next)
                ;
        *at = t;
}

static const char *const k1_types[] = {"k100", "k140q", "multi", "passthrough", NULL};
static const char *const k2_types[] = {"k240q", "passthrough", NULL};

/* Hosts */

FakeHost *fake_host_add(const char *name) {
        FakeHost *h = &fake_hosts[n_fake_hosts++];

        *h = (FakeHost){.memory = UINT64_C(64) << 30, .seq = 100};
        snprintf(h->name, sizeof(h->name), "%s", name);
        snprintf(h->address, sizeof(h->address), "unix:path=/fake/%s", name);
        snprintf(h->boot_id, sizeof(h->boot_id), "boot-of-%s", name);
        h->uuid.bytes[0] = 0xf0;
        h->uuid.bytes[15] = (uint8_t) n_fake_hosts;
        return h;
}

void fake_card_add(
        FakeHost *h, const char *pci, const char *vendor, const char *device, const char *const *types) {
        FakeCard *c = &h->cards[h->n_cards++];

        *c = (FakeCard){.types = types};
        snprintf(c->pci, sizeof(c->pci), "%s", pci);
        snprintf(c->vendor, sizeof(c->vendor), "%s", vendor);
        snprintf(c->device, sizeof(c->device), "%s", device);
}

void fake_k1_add(FakeHost *h) {
        for (int i = 7; i < 11; i++) {
                char pci[16];

                snprintf(pci, sizeof(pci), "0000:%02x:00.0", (unsigned) i);
                fake_card_add(h, pci, "10de", "0ff2", k1_types);
        }
}

void fake_k2_add(FakeHost *h) {
        fake_card_add(h, "0000:84:00.0", "10de", "11bf", k2_types);
        fake_card_add(h, "0000:85:00.0", "10de", "11bf", k2_types);
}

static void vm_remove(FakeHost *h, FakeVm *vm) {
        start_order_done(&vm->order);
        *vm = h->vms[--h->n_vms];
}

void fake_reset(void) {
        Task *next;

        for (; tasks; tasks = next) {
                next = tasks->next;
                task_free(tasks);
        }
        for (size_t i = 0; i < n_fake_hosts; i++) {
                while (fake_hosts[i].n_vms > 0)
                        vm_remove(&fake_hosts[i], &fake_hosts[i].vms[fake_hosts[i].n_vms - 1]);
                free(fake_hosts[i].last_order);
        }
        memset(fake_hosts, 0, sizeof(fake_hosts));
        n_fake_hosts = 0;
}

FakeVm *fake_vm(FakeHost *h, const Uuid *vm) {
        for (size_t i = 0; i < h->n_vms; i++)
                if (uuid_equal(&h->vms[i].uuid, vm))
                        return &h->vms[i];
        return NULL;
}

FakeVm *fake_vm_put(FakeHost *h, const Uuid *vm, const Uuid *token, VmState state) {
        h->vms[h->n_vms] = (FakeVm){.uuid = *vm, .token = *token, .state = state};
        return &h->vms[h->n_vms++];
}

static const char *type_id_of_name(const char *name) {
        static const char *const ids[] = {"11", "12", "13", "21"};

        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                if (streq(fake_type_name(ids[i]), name))
                        return ids[i];
        abort();
}

FakeVm *fake_vm_put_with(FakeHost *h, const Uuid *id, const char *pci, const char *type) {
        Uuid token = {.bytes = {0xee, (uint8_t) h->n_vms}};
        FakeVm *vm = fake_vm_put(h, id, &token, VM_STATE_RUNNING);
        PciAddress address;

        if (pci_address_from_string(pci, &address) < 0)
                abort();
        vm->order.vm.name_label = strdup("outsider");
        if (type) {
                vm->order.vgpus = calloc(1, sizeof(VgpuRecord));
                vm->order.n_vgpus = 1;
                vm->order.vgpus[0] = (VgpuRecord){.vm = *id,
                        .kind = VGPU_KIND_NVIDIA,
                        .device = strdup("0"),
                        .physical_pci_address = address};
                vm->order.vgpus[0].nvidia.type_id = strdup(type_id_of_name(type));
        } else {
                vm->order.pcis = calloc(1, sizeof(PciRecord));
                vm->order.n_pcis = 1;
                vm->order.pcis[0] = (PciRecord){.vm = *id, .address = address};
        }
        return vm;
}

/* Events */

static bool can_speak(const FakeHost *h) {
        return h->link && h->link->claimed;
}

static EventHead event_head(FakeHost *h, const Uuid *token) {
        return (EventHead){.seq = ++h->seq, .boot_id = h->boot_id, .token = *token};
}

static void say_vm(FakeHost *h, const Uuid *vm, const Uuid *token, VmState state, const char *stage,
        double progress, const char *reason, const char *error_name) {
        VmEvent e = {.head = event_head(h, token),
                .uuid = *vm,
                .state = state,
                .stage = (char *) stage,
                .progress = progress,
                .reason = (char *) reason,
                .error_name = (char *) error_name,
                .error_message = error_name ? (char *) "It broke." : NULL};

        if (can_speak(h))
                h->link->owner.vm_event(h->link, &e, h->link->userdata);
}

void fake_vm_event_with_token(FakeHost *h, const Uuid *vm, const Uuid *token, VmState state) {
        say_vm(h, vm, token, state, "", 0, "poweroff", NULL);
}

void fake_vm_progress(FakeHost *h, const Uuid *vm, const char *stage, double progress) {
        say_vm(h, vm, &fake_vm(h, vm)->token, VM_STATE_STARTING, stage, progress, "", NULL);
}

void fake_vm_runs(FakeHost *h, const Uuid *id) {
        FakeVm *vm = fake_vm(h, id);

        vm->state = VM_STATE_RUNNING;
        for (size_t i = 0; i < vm->order.n_vgpus; i++) {
                VgpuEvent e = {.head = event_head(h, &vm->token),
                        .vm = *id,
                        .device = vm->order.vgpus[i].device,
                        .uuid = vm->order.vgpus[i].nvidia.uuid,
                        .pgpu = vm->order.vgpus[i].physical_pci_address,
                        .identifier = (char *) "x",
                        .state = {.active = true, .plugged = true, .emulator_pid = 7}};

                if (can_speak(h))
                        h->link->owner.vgpu_event(h->link, &e, h->link->userdata);
        }
        for (size_t i = 0; i < vm->order.n_pcis; i++) {
                PciEvent e = {.head = event_head(h, &vm->token),
                        .vm = *id,
                        .address = vm->order.pcis[i].address,
                        .plugged = true};

                if (can_speak(h))
                        h->link->owner.pci_event(h->link, &e, h->link->userdata);
        }
        say_vm(h, id, &vm->token, VM_STATE_RUNNING, "running", 1, "", NULL);
}

static void end_vm(FakeHost *h, const Uuid *id, FakeEnded ended) {
        FakeVm *vm = fake_vm(h, id);
        VmEvent e = {.head = event_head(h, &vm->token),
                .uuid = *id,
                .state = VM_STATE_HALTED,
                .stage = (char *) "",
                .reason = (char *) ended.reason,
                .error_name = (char *) ended.error_name,
                .error_message = ended.error_name ? (char *) "It broke." : NULL,
                .before_unpause = ended.before_unpause};

        ended.uuid = *id;
        ended.token = vm->token;
        vm_remove(h, vm);
        if (can_speak(h))
                h->link->owner.vm_event(h->link, &e, h->link->userdata);
        else
                h->ended[h->n_ended++] = ended;
}

void fake_vm_fails(FakeHost *h, const Uuid *id, const char *error_name) {
        end_vm(h, id, (FakeEnded){.reason = "failed", .error_name = error_name, .before_unpause = true});
}

void fake_vm_ends(FakeHost *h, const Uuid *id, const char *reason, const char *error_name) {
        end_vm(h, id, (FakeEnded){.reason = reason, .error_name = error_name});
}

void fake_inventory_changed(FakeHost *h) {
        Inventory inventory = {};

        h->seq++;
        fake_inventory(h, &inventory);
        if (can_speak(h))
                h->link->owner.inventory(h->link, &inventory, h->link->userdata);
        inventory_done(&inventory);
}

/* The connection */

static void answer_unknown(HostLink *link) {
        for (Task **at = &tasks; *at;) {
                Task *t = *at;

                if (t->link != link || !t->reply) {
                        at = &t->next;
                        continue;
                }
                *at = t->next;
                t->reply(link, LINK_UNKNOWN, ERROR_NONE, "The connection was lost.", t->userdata);
                task_free(t);
                at = &tasks;
        }
}

static void disconnect(HostLink *link, const char *reason) {
        bool was = link->connected;

        link->connected = link->claimed = false;
        answer_unknown(link);
        if (was || link->host->down)
                link->owner.lost(link, reason, link->userdata);
}

void fake_lose(FakeHost *h, const char *reason) {
        HostLink *link = h->link;

        disconnect(link, reason);
        task_add(TASK_DIAL, link, NULL, NULL, NULL, NULL);
}

void fake_reboot(FakeHost *h) {
        while (h->n_vms > 0)
                vm_remove(h, &h->vms[h->n_vms - 1]);
        snprintf(h->boot_id, sizeof(h->boot_id), "another-boot");
        fake_lose(h, "Connection reset by peer.");
}

void fake_stale(FakeHost *h) {
        h->link->owner.stale(h->link, "StaleEpoch from the host.", h->link->userdata);
}

static ErrorCode check_address(const char *address, char **ret_message) {
        if (!startswith(address, "tcp:"))
                return ERROR_NONE;
        *ret_message = strdup("tcp: has no authentication.");
        return ERROR_INVALID_ADDRESS;
}

static int make(Links *links, const char *address, const LinkOwner *owner, void *userdata, HostLink **ret) {
        HostLink *link;

        for (size_t i = 0; i < n_fake_hosts; i++) {
                FakeHost *h = &fake_hosts[i];

                if (!streq(h->address, address))
                        continue;
                link = calloc(1, sizeof(*link));
                *link = (HostLink){.host = h, .owner = *owner, .userdata = userdata};
                h->link = link;
                *ret = link;
                return 0;
        }
        fprintf(stderr, "No simulated host at %s\n", address);
        abort();
}

static void drop_tasks(HostLink *link) {
        for (Task **at = &tasks; *at;) {
                Task *t = *at;

                if (t->link != link) {
                        at = &t->next;
                        continue;
                }
                *at = t->next;
                task_free(t);
        }
}

static HostLink *link_free(HostLink *link) {
        if (!link)
                return NULL;
        drop_tasks(link);
        if (link->host->link == link)
                link->host->link = NULL;
        free(link);
        return NULL;
}

static int link_start(HostLink *link) {
        task_add(TASK_DIAL, link, NULL, NULL, NULL, NULL);
        return 0;
}

static int link_claim(HostLink *link, const LinkClaim *claim) {
        if (!link->connected)
                return -ENOTCONN;
        task_add(TASK_CLAIM, link, claim, NULL, NULL, NULL);
        return 0;
}

static int set_fingerprint(HostLink *link, const char *fingerprint) {
        return 0;
}

static void forget_key(HostLink *link) {
}

static int read_key(Links *links, char **ret) {
        *ret = strdup("ssh-ed25519 AAAA xenvgpu@master");
        return *ret ? 0 : -ENOMEM;
}

static void dial_now(HostLink *link) {
}

static void link_reset(HostLink *link, const char *reason) {
        disconnect(link, reason);
        task_add(TASK_DIAL, link, NULL, NULL, NULL, NULL);
}

static int call(TaskKind kind, HostLink *link, const char *text, LinkReply reply, void *userdata) {
        if (!link->claimed)
                return -ENOTCONN;
        task_add(kind, link, NULL, text, reply, userdata);
        return 0;
}

static int start_vm(HostLink *link, const char *order, LinkReply reply, void *userdata) {
        return call(TASK_START, link, order, reply, userdata);
}

static int stop_vm(HostLink *link, const char *order, LinkReply reply, void *userdata) {
        return call(TASK_STOP, link, order, reply, userdata);
}

static int change_types(HostLink *link, const PciAddress *pgpu, LinkTypesChange change,
        const char *const *identifiers, LinkReply reply, void *userdata) {
        if (link->claimed) {
                link->host->types_change = change;
                link->host->types_named[0] = '\0';
                for (link->host->n_types_named = 0; identifiers[link->host->n_types_named];) {
                        strcat(link->host->types_named, identifiers[link->host->n_types_named++]);
                        strcat(link->host->types_named, " ");
                }
        }
        return call(TASK_TYPES, link, NULL, reply, userdata);
}

static int get_vm(HostLink *link, const char *uuid, LinkReply reply, void *userdata) {
        return call(TASK_GET, link, uuid, reply, userdata);
}

static int end_outside(HostLink *link, const char *order, LinkReply reply, void *userdata) {
        return call(TASK_END, link, order, reply, userdata);
}

static int clear_health(HostLink *link, const PciAddress *pgpu, LinkReply reply, void *userdata) {
        if (!link->claimed)
                return -ENOTCONN;
        link->host->n_cleared++;
        return 0;
}

static int link_release(HostLink *link, LinkReply reply, void *userdata) {
        return call(TASK_RELEASE, link, NULL, reply, userdata);
}

static bool withdraw(HostLink *link, const void *userdata) {
        for (Task **at = &tasks; *at; at = &(*at)->next) {
                Task *t = *at;

                if (t->link != link || t->userdata != userdata || !link->host->busy)
                        continue;
                *at = t->next;
                task_free(t);
                return true;
        }
        return false;
}

Links fake_links = {
        .check_address = check_address,
        .read_key = read_key,
        .make = make,
        .free = link_free,
        .start = link_start,
        .claim = link_claim,
        .set_fingerprint = set_fingerprint,
        .forget_key = forget_key,
        .dial_now = dial_now,
        .reset = link_reset,
        .start_vm = start_vm,
        .stop_vm = stop_vm,
        .change_types = change_types,
        .get_vm = get_vm,
        .end_vm = end_outside,
        .clear_health = clear_health,
        .release = link_release,
        .withdraw = withdraw,
};

/* What happens next */

static void do_dial(HostLink *link) {
        FakeHost *h = link->host;
        LinkGreeting greeting = {
                .host_uuid = h->uuid, .epoch = h->epoch, .orders = h->orders, .claimed_by = h->claimed_by,
                .boot_id = h->boot_id};
        _cleanup_free_ char *reason = NULL;
        LinkClaim claim;
        int r;

        if (h->down) {
                disconnect(link, "Connection refused.");
                return;
        }
        link->connected = true;
        r = link->owner.greeted(link, &greeting, &claim, &reason, link->userdata);
        if (r > 0)
                task_add(TASK_CLAIM, link, &claim, NULL, NULL, NULL);
        else if (r < 0)
                disconnect(link, reason);
}

static void do_claim(HostLink *link, const LinkClaim *claim) {
        _cleanup_free_ char *reason = NULL;
        FakeHost *h = link->host;
        Inventory inventory = {};
        int r;

        if (h->lose_claims) {
                disconnect(link, "Cut off.");
                return;
        }
        if (claim->epoch < h->epoch ||
                (claim->epoch == h->epoch && !uuid_equal(&claim->instance, &h->instance))) {
                link->owner.stale(link, "StaleEpoch.", link->userdata);
                fake_lose(h, "It refused the claim.");
                return;
        }
        h->n_claims++;
        if (!h->counts_not)
                h->orders = MAX_OF(h->orders, claim->orders);
        h->epoch = claim->epoch;
        h->instance = claim->instance;
        uuid_to_string(&claim->pool, h->claimed_by);
        link->claimed = true;
        fake_inventory(h, &inventory);
        h->n_ended = 0;
        r = link->owner.claimed(link, h->epoch, &inventory, &reason, link->userdata);
        inventory_done(&inventory);
        if (r < 0)
                disconnect(link, reason);
}

static const FakeCard *order_card(const FakeHost *h, const StartOrder *order, bool broken) {
        for (size_t i = 0; i < h->n_cards; i++)
                for (size_t k = 0; k < order->n_vgpus; k++)
                        if (streq(h->cards[i].pci, PCI_TEXT(&order->vgpus[k].physical_pci_address)) &&
                                (broken ? h->cards[i].broken : h->cards[i].held_by != NULL))
                                return &h->cards[i];
        return NULL;
}

static void do_start(HostLink *link, Task *t) {
        _cleanup_json_ struct json_object *o = NULL;
        FakeHost *h = link->host;
        JsonReader reader = {};
        StartOrder order = {};
        FakeVm *vm;
        Uuid id;

        if (json_parse(&reader, t->text, strlen(t->text), &o) < 0 ||
                start_order_parse(&reader, o, &order) < 0) {
                fprintf(stderr, "A start order does not parse: %s\n", reader.error);
                abort();
        }
        h->n_starts++;
        if (!h->counts_not)
                h->orders = MAX_OF(h->orders, order.number);
        free(h->last_order);
        h->last_order = strdup(t->text);
        if (h->refuse != ERROR_NONE || order.epoch != h->epoch) {
                ErrorCode code = h->refuse != ERROR_NONE ? h->refuse : ERROR_STALE_EPOCH;

                start_order_done(&order);
                t->reply(link, LINK_REFUSED, code, "The host says no.", t->userdata);
                return;
        }
        if (h->guards && fake_guard_refuses(h, &order)) {
                h->n_refused++;
                start_order_done(&order);
                t->reply(link, LINK_REFUSED, ERROR_DOMAIN_FAILED, "The last guard says no.", t->userdata);
                return;
        }
        if (order_card(h, &order, /* broken= */ false)) {
                start_order_done(&order);
                t->reply(link, LINK_REFUSED, ERROR_PGPU_IN_USE_BY_VM, "Domain 7 has it.", t->userdata);
                fake_inventory_changed(h);
                return;
        }
        id = order.vm.uuid;
        vm = fake_vm_put(h, &id, &order.token, VM_STATE_STARTING);
        vm->order = order;
        if (!h->mute)
                t->reply(link, LINK_DONE, ERROR_NONE, NULL, t->userdata);
        if (!h->manual && !h->mute && (h->broken || order_card(h, &vm->order, /* broken= */ true)))
                fake_vm_fails(h, &id, "org.xenvgpu.Error.FailedToStartEmulator");
        else if (!h->manual && !h->mute)
                fake_vm_runs(h, &id);
}

static void do_stop(HostLink *link, Task *t) {
        _cleanup_json_ struct json_object *o = NULL;
        FakeHost *h = link->host;
        JsonReader reader = {};
        StopOrder order;
        FakeVm *vm;

        if (json_parse(&reader, t->text, strlen(t->text), &o) < 0 || stop_order_parse(&reader, o, &order) < 0)
                abort();
        h->n_stops++;
        if (!h->counts_not)
                h->orders = MAX_OF(h->orders, order.number);
        h->last_force = order.force;
        if (h->refuse != ERROR_NONE || order.epoch != h->epoch) {
                t->reply(link, LINK_REFUSED, h->refuse != ERROR_NONE ? h->refuse : ERROR_STALE_EPOCH,
                        "The host says no.", t->userdata);
                return;
        }
        if (!fake_vm(h, &order.uuid)) {
                t->reply(link, LINK_REFUSED, ERROR_NO_SUCH_OBJECT, "No such VM.", t->userdata);
                return;
        }
        if (h->mute)
                link->claimed = false;
        else
                t->reply(link, LINK_DONE, ERROR_NONE, NULL, t->userdata);
        if (h->stubborn && !order.force) {
                vm = fake_vm(h, &order.uuid);
                vm->state = VM_STATE_STOPPING;
                say_vm(h, &vm->uuid, &vm->token, VM_STATE_STOPPING, "stop", 0.5, "", NULL);
        } else if (!h->manual || h->stubborn)
                fake_vm_ends(h, &order.uuid, "stopped", NULL);
}

static void do_get(HostLink *link, Task *t) {
        _cleanup_strbuf_ StrBuf b = {};
        FakeHost *h = link->host;
        FakeVm *vm;
        Uuid id;

        if (uuid_from_string(t->text, &id) < 0)
                abort();
        vm = fake_vm(h, &id);
        if (h->refuse != ERROR_NONE || !vm) {
                t->reply(link, LINK_REFUSED, vm ? h->refuse : ERROR_NO_SUCH_OBJECT, "The host says no.", t->userdata);
                return;
        }
        vm->order.vm.uuid = id;
        vm->order.token = vm->token;
        if (!vm->order.vm.config)
                vm->order.vm.config = json_tokener_parse("{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_vcpus\":1,"
                                                         "\"max_memkb\":1048576,\"target_memkb\":1048576}}");
        start_order_write(&vm->order, &b);
        t->reply(link, LINK_DONE, ERROR_NONE, b.text, t->userdata);
}

/* Of a domain that its hostd did not start it says what else ends. */
static void do_end(HostLink *link, Task *t) {
        _cleanup_(stop_order_done) StopOrder order = {};
        _cleanup_json_ struct json_object *o = NULL;
        FakeHost *h = link->host;
        JsonReader reader = {};
        FakeVm *vm;

        if (json_parse(&reader, t->text, strlen(t->text), &o) < 0 || stop_order_parse(&reader, o, &order) < 0)
                abort();
        h->n_stops++;
        h->last_force = order.force;
        vm = fake_vm(h, &order.uuid);
        if (h->refuse != ERROR_NONE)
                t->reply(link, LINK_REFUSED, h->refuse, "The host says no.", t->userdata);
        else
                t->reply(link, LINK_DONE, ERROR_NONE, vm ? "" : "Its xl (process 7) sees that, and ends too.", t->userdata);
        if (h->refuse != ERROR_NONE)
                return;
        h->has_domain &= vm != NULL;
        if (vm)
                fake_vm_ends(h, &order.uuid, "stopped", NULL);
        else
                fake_inventory_changed(h);
}

/* It arrived, and nobody hears of it: answered when the connection breaks. */
static void keep_silent(const Task *t) {
        if (!t->link->host->mute)
                return;
        task_add(t->kind, t->link, NULL, NULL, t->reply, t->userdata);
        t->link->host->deaf = true;
}

bool fake_step(void) {
        Task *t = tasks;

        /* Orders to a deaf host stay in the queue until the connection breaks, those to a busy one until it
         * is not. */
        while (t && ((t->reply && (t->link->host->deaf || t->link->host->busy)) ||
                            (t->kind == TASK_DIAL && t->link->host->silent)))
                t = t->next;
        if (!t)
                return false;
        for (Task **at = &tasks; *at; at = &(*at)->next)
                if (*at == t) {
                        *at = t->next;
                        break;
                }
        t->next = NULL;

        switch (t->kind) {
        case TASK_DIAL:
                do_dial(t->link);
                break;
        case TASK_CLAIM:
                if (t->link->connected)
                        do_claim(t->link, &t->claim);
                break;
        case TASK_START:
                do_start(t->link, t);
                keep_silent(t);
                break;
        case TASK_STOP:
                do_stop(t->link, t);
                keep_silent(t);
                break;
        case TASK_TYPES:
                if (t->link->host->refuse != ERROR_NONE)
                        t->reply(t->link, LINK_REFUSED, t->link->host->refuse, "The host says no.",
                                t->userdata);
                else
                        t->reply(t->link, LINK_DONE, ERROR_NONE, NULL, t->userdata);
                break;
        case TASK_GET:
                do_get(t->link, t);
                break;
        case TASK_END:
                do_end(t->link, t);
                break;
        case TASK_RELEASE:
                t->link->host->claimed_by[0] = '\0';
                t->reply(t->link, LINK_DONE, ERROR_NONE, NULL, t->userdata);
                break;
        }
        task_free(t);
        return true;
}
