/*
 * Strangers at hostd
 */

#include <inttypes.h>

#include "common/base/strlist.h"
#include "hostd/service/claim.h"
#include "hostd/service/vm-orders.h"
#include "hostd/service/vm-records.h"
#include "tests/proof/boards.h"
#include "tests/proof/promise-line.h"
#include "tests/proof/stranger.h"

#define OTHER_POOL "0b000000-0000-4000-8000-000000000001"
#define ODD_POOL "no uuid"
#define OTHER_INSTANCE "0b000000-0000-4000-8000-000000000002"
#define OTHER_NAME ":2.1"
#define OTHER_VMS 6 /* on each machine */

static bool is_other(Hostd *h) {
        return streq(host_get_claimed_by(h), OTHER_POOL) || streq(host_get_claimed_by(h), ODD_POOL);
}

static const char *claim_of(const Hostd *h) {
        return !*host_get_claimed_by(h) ? "free" : *host_get_claimer(h) ? "held" : "away";
}

static void new_uuid(Machine *m, char ret[static UUID_TEXT_MAX]) {
        Uuid id;

        if (loop_new_uuid(m->loop, &id) < 0)
                abort();
        uuid_to_string(&id, ret);
}

/* A few on each machine, so that they can be stopped and started again. */
static void other_vm(const Machine *m, uint64_t dice, char ret[static UUID_TEXT_MAX]) {
        (void) snprintf(ret, UUID_TEXT_MAX, "0b000000-0000-4000-8000-%06x%06x", m->number + 1, (unsigned) (dice / 32 % OTHER_VMS + 16));
}

/* As a policyd orders that does not know what the host's VMs have: a share of any card, or the whole. */
static void want_gpu(const Machine *m, const Pgpu *g, uint64_t dice, StartOrder *order) {
        const CardType *nvidia = &card_types[dice / 1024 % CARD_TYPES];
        const BoardType *sriov = &board_types[dice / 1024 % BOARD_TYPES];
        const MachineBoard *b = &m->cards[m->n_pgpus - 1].board;
        VgpuRecord *v;

        if (dice / 256 % 4 == 0) {
                order->pcis = calloc(1, sizeof(PciRecord));
                order->pcis[order->n_pcis++] = (PciRecord){.vm = order->vm.uuid, .address = g->address};
                return;
        }
        v = order->vgpus = calloc(1, sizeof(VgpuRecord));
        order->n_vgpus = 1;
        *v = (VgpuRecord){.vm = order->vm.uuid, .device = strdup("0"), .physical_pci_address = g->address};
        v->nvidia.extra_args = strdup("");
        v->sriov.priority = strdup(sriov->priority);
        v->nvidia.virtual_pci_address.dev = NVIDIA_FIRST_SLOT_IN_GUEST;
        v->kind = g->total_functions > 0 ? VGPU_KIND_SRIOV : VGPU_KIND_NVIDIA;
        if (v->kind == VGPU_KIND_NVIDIA) {
                v->nvidia.config_file = strdup(nvidia->config_file);
                return;
        }
        v->sriov.identifier = board_type_identifier(b, sriov);
        v->sriov.vfs_per_pgpu = board_type_functions(b, sriov);
}

static char *add_gpu(const Machine *m, const Hostd *h, const char *text, uint64_t dice) {
        _cleanup_(start_order_done) StartOrder order = {};
        _cleanup_strbuf_ StrBuf b = {};
        JsonReader reader = {};
        size_t n;
        const Pgpu *pgpus = host_get_pgpus(h, &n);

        if (n == 0 || start_order_read(&reader, text, &order) < 0)
                return strdup(text);
        want_gpu(m, &pgpus[dice / 8192 % n], dice, &order);
        start_order_write(&order, &b);
        return strbuf_take(&b);
}

static int start(Machine *m, Hostd *h, uint64_t dice, const char *prefix, Refusal *refusal) {
        char vm[UUID_TEXT_MAX], token[UUID_TEXT_MAX];
        _cleanup_free_ char *order = NULL;

        other_vm(m, dice, vm);
        new_uuid(m, token);
        if (asprintf(&order,
                    "{\"version\":1,\"epoch\":%" PRIu64 ",\"token\":\"%s\",\"vm\":{\"uuid\":\"%s\",\"name_label\":\"other\","
                    "\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576,\"target_memkb\":1048576,"
                    "\"max_vcpus\":1}}},\"vgpus\":[],\"pcis\":[]%s",
                    host_get_epoch(h) - (dice % 4 == 1), token, vm, dice % 16 == 2 ? "" : "}") < 0)
                abort();
        history_add(m->history, "%s of=%s claim=%s other-vm=%s", prefix, m->name, claim_of(h), vm);
        if (dice % 8 > 1) {
                _cleanup_free_ char *plain = take_ptr(order);

                order = add_gpu(m, h, plain, dice);
        }
        return host_start_vm(h, is_other(h) ? OTHER_NAME : ":2.2", order, refusal);
}

static int stop(Machine *m, Hostd *h, bool ends, uint64_t dice, const char *prefix, Refusal *refusal) {
        const char *caller = is_other(h) ? OTHER_NAME : ":2.2";
        _cleanup_free_ char *note = NULL;
        char vm[UUID_TEXT_MAX], token[UUID_TEXT_MAX];
        _cleanup_free_ char *order = NULL;

        other_vm(m, dice, vm);
        new_uuid(m, token);
        if (asprintf(&order, "{\"version\":1,\"epoch\":%" PRIu64 ",\"token\":\"%s\",\"uuid\":\"%s\",\"force\":%s}",
                    host_get_epoch(h), token, vm, dice % 2 ? "true" : "false") < 0)
                abort();
        history_add(m->history, "%s of=%s claim=%s", prefix, m->name, claim_of(h));
        return ends ? host_end_vm(h, caller, order, &note, refusal) : host_stop_vm(h, caller, order, refusal);
}

/* What is there then is not of policyd's pool: some VMs, all on the same card, as if each were alone there. */
static void start_at_once(Machine *m, Hostd *h, uint64_t dice) {
        bool same = dice / 2 % 2;

        for (uint64_t i = 0; i < OTHER_VMS; i++) {
                Refusal refusal = {};
                char prefix[64];

                (void) snprintf(prefix, sizeof(prefix), "%s stranger starts", m->name);
                (void) start(m, h, dice / 8192 * 8192 + (same ? dice / 4 : dice >> i) % 4 * 1024 + (same ? 1 : (dice >> 2 * i) % 4) * 256 + i * 32 + 3,
                                prefix, &refusal);
                history_add(m->history, "%s stranger answer=%s", m->name, refusal.code != ERROR_NONE ? error_code_word(refusal.code) : "none");
                refusal_done(&refusal);
        }
}

/* Mostly of an earlier epoch, and refused; sometimes it takes the machine. */
static int claim(Machine *m, Hostd *h, uint64_t dice, uint64_t orders, Refusal *refusal) {
        int r;

        uint64_t held = host_get_epoch(h), epoch = held > 0 ? held - dice % (held + 1) : 0;

        if (dice % 8 == 0)
                epoch = held + 1;
        if (dice % 32 == 1)
                epoch = UINT64_MAX;
        r = host_claim(h, OTHER_NAME, epoch, dice % 16 == 8 ? ODD_POOL : OTHER_POOL, OTHER_INSTANCE, orders, &held, refusal);
        if (r == 0 && refusal->code == ERROR_NONE)
                history_add(m->history, "%s claim epoch=%" PRIu64 " code=none by=stranger", m->name, epoch);
        if (r == 0 && refusal->code == ERROR_NONE && dice % 16 == 0)
                start_at_once(m, h, dice / 16);
        return r;
}

/* Which types, and what of them holds afterwards, to promises. */
static void choose_types(const Pgpu *g, const Machine *m, EnablementChange change, uint64_t dice, const char **ret_wanted, StrBuf *promises) {
        char device[8];
        size_t n = 0;

        (void) snprintf(device, sizeof(device), "%04x", g->device_id);
        for (size_t i = 0; i < CARD_TYPES; i++) {
                _cleanup_free_ char *identifier = card_type_identifier(&card_types[i]);
                bool wanted = change != ENABLEMENT_SET ? i == dice / 8 % CARD_TYPES : (dice >> i & 7) != 0;

                if (wanted)
                        ret_wanted[n++] = card_types[i].name;
                /* What it does not support stays as it is (docs/states.md). */
                if ((wanted || change == ENABLEMENT_SET) && strv_contains(g->supported, identifier))
                        promise_add_type(promises, m->name, PCI_TEXT(&g->address), device, identifier, change != ENABLEMENT_REMOVE && wanted);
        }
        if (change == ENABLEMENT_SET)
                promise_add_type(promises, m->name, PCI_TEXT(&g->address), device, PASSTHROUGH_IDENTIFIER, false);
        if (dice % 16 == 0)
                ret_wanted[0] = "no such type";
}

static int change_types(Machine *m, Hostd *h, EnablementChange change, uint64_t dice, const char *prefix, Refusal *refusal) {
        const char *wanted[CARD_TYPES + 2] = {};
        _cleanup_strbuf_ StrBuf promises = {};
        PciAddress address = {};
        size_t n_pgpus;
        const Pgpu *pgpus = host_get_pgpus(h, &n_pgpus);

        if (n_pgpus > 0) {
                address = pgpus[dice % n_pgpus].address;
                choose_types(&pgpus[dice % n_pgpus], m, change, dice, wanted, &promises);
        }
        history_add(m->history, "%s of=%s claim=%s%s", prefix, m->name, claim_of(h), strempty(promises.text));
        return n_pgpus > 0 ? host_change_types(h, ":2.3", &address, change, wanted, refusal) : 0;
}

static int clear_health(Hostd *h, uint64_t dice, Refusal *refusal) {
        size_t n_pgpus;
        const Pgpu *pgpus = host_get_pgpus(h, &n_pgpus);

        return n_pgpus > 0 ? host_clear_health(h, ":2.3", &pgpus[dice % n_pgpus].address, refusal) : 0;
}

static int inventory(Hostd *h) {
        _cleanup_free_ char *text = NULL;

        return host_get_inventory(h, &text);
}

/* One of the strangers' own, which is there or not. */
static int get_vm(const Machine *m, Hostd *h, uint64_t dice, Refusal *refusal) {
        _cleanup_free_ char *order = NULL;
        char text[UUID_TEXT_MAX];
        Uuid vm;

        other_vm(m, dice, text);
        return uuid_from_string(text, &vm) < 0 ? -EINVAL : host_get_vm(h, &vm, &order, refusal);
}

static int change_of(StrangerCall what) {
        return what == STRANGER_SET_TYPES ? ENABLEMENT_SET : what == STRANGER_ADD_TYPE ? ENABLEMENT_ADD :
                what == STRANGER_REMOVE_TYPE ? ENABLEMENT_REMOVE : _ENABLEMENT_CHANGE_INVALID;
}

int stranger_call(Machine *m, StrangerCall what, uint64_t dice, const char *prefix, Refusal *refusal) {
        Hostd *h = m->is_frozen ? NULL : m->inside->hostd;

        if (h && what == STRANGER_START)
                return start(m, h, dice, prefix, refusal);
        if (h && (what == STRANGER_STOP || what == STRANGER_END))
                return stop(m, h, what == STRANGER_END, dice, prefix, refusal);
        if (h && change_of(what) >= 0)
                return change_types(m, h, change_of(what), dice, prefix, refusal);
        history_add(m->history, "%s of=%s claim=%s", prefix, m->name, h ? claim_of(h) : "none");
        if (!h)
                return -ENOTCONN;
        switch (what) {
        case STRANGER_CLAIM:
                return claim(m, h, dice, 0, refusal);
        case STRANGER_CLAIM_WITH:
                return claim(m, h, dice, dice % 1000, refusal);
        case STRANGER_RELEASE:
                return host_release(h, is_other(h) ? OTHER_NAME : ":2.4", refusal);
        case STRANGER_INVENTORY:
                return inventory(h);
        case STRANGER_RESCAN:
                return host_rescan(h);
        case STRANGER_GET:
                return get_vm(m, h, dice, refusal);
        case STRANGER_CLEAR:
                return clear_health(h, dice, refusal);
        case STRANGER_START:
        case STRANGER_STOP:
        case STRANGER_END:
        case STRANGER_SET_TYPES:
        case STRANGER_ADD_TYPE:
        case STRANGER_REMOVE_TYPE:
                break;
        }
        return 0;
}

void stranger_leave(Machine *m) {
        _cleanup_refusal_ Refusal refusal = {};
        Hostd *h = m->inside->hostd;

        if (h && is_other(h))
                (void) host_release(h, *host_get_claimer(h) ? OTHER_NAME : ":2.4", &refusal);
}

static void list_card(const Machine *m, const Pgpu *g) {
        char device[8];

        (void) snprintf(device, sizeof(device), "%04x", g->device_id);
        for (char **t = g->supported; t && *t; t++) {
                _cleanup_strbuf_ StrBuf b = {};

                promise_add_type(&b, m->name, PCI_TEXT(&g->address), device, *t, pgpu_enables(g, *t));
                history_add(m->history, "model type%s", b.text);
        }
}

void stranger_list(Machine *m) {
        const Hostd *h = m->inside->hostd;
        const Pgpu *pgpus;
        size_t n;

        if (!h)
                return;
        pgpus = host_get_pgpus(h, &n);
        for (size_t i = 0; i < n; i++)
                list_card(m, &pgpus[i]);
        history_add(m->history, "model claim-of=%s epoch=%" PRIu64, m->name, host_get_epoch(h));
}
