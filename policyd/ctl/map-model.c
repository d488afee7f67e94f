/*
 * The pool map, before it is drawn
 *
 * policyd knows PGPUs, not boards. A board's GPUs have consecutive buses and one PCI id, and how many it has
 * is a fact of the board; GPUs of an unknown board are drawn alone.
 */

#include "common/json/json-get.h"
#include "common/base/pci-address.h"
#include "policyd/ctl/map.h"
#include "policyd/ctl/view/print.h"

#define PGPU_SIZE_DEFAULT 1048576

static const struct KnownBoard {
        const char *device_id, *name;
        size_t n_gpus;
} known_boards[] = {
        {"0ff2", "GRID K1", 4},
        {"11bf", "GRID K2", 2},
};

/* Passthrough has no size: it takes the whole PGPU. */
uint64_t map_instances(uint64_t pgpu_size, const ViewObject *type) {
        uint64_t size = object_number(type, "Size");

        return !type ? 0 : size > 0 ? pgpu_size / size : 1;
}

/* The part of "0001:nvidia,0ff2,,0fe7,101e" or "10de/0ff2" that is the device's id. */
static const struct KnownBoard *board_of(View *v, const ViewObject *pgpu) {
        const char *texts[2] = {"", ""};

        for (size_t i = 0; i < object_n_refs(pgpu, "SupportedVGPUTypes") && !*texts[0]; i++) {
                const char *id = object_text(object_nth_ref(v, pgpu, "SupportedVGPUTypes", i), "Identifier");

                texts[0] = strempty(startswith(id, "0001:nvidia,"));
        }
        struct json_object *types = object_property(object_ref(v, pgpu, "GPUGroup"), "GPUTypes");
        if (answer_length(types) == 1)
                texts[1] = strempty(startswith(answer_nth_text(types, 0), "10de/"));

        for (size_t t = 0; t < ARRAY_SIZE(texts); t++)
                for (size_t i = 0; i < ARRAY_SIZE(known_boards); i++)
                        if (startswith(texts[t], known_boards[i].device_id))
                                return &known_boards[i];
        return NULL;
}

static bool is_next_bus(const ViewObject *a, const ViewObject *b) {
        PciAddress x, y;

        return pci_address_from_string(object_text(a, "PCIID"), &x) >= 0 &&
               pci_address_from_string(object_text(b, "PCIID"), &y) >= 0 && x.domain == y.domain &&
               x.bus + 1 == y.bus;
}

/* What stands on a PGPU. */
typedef struct Slot {
        const ViewObject *vgpu, *vm, *type; /* vm, type: NULL when they are gone */
        const ViewObject *reservation;      /* holds it without a VM; vgpu and vm are NULL */
        struct json_object *outsider;       /* (uuid, name, type) of a VM that is not of the pool; the same */
        const char *state;
} Slot;

typedef struct Slots {
        Slot *items;
        size_t n;
} Slots;

static void slots_done(Slots *slots) {
        free(slots->items);
}

static void add_vgpus(View *v, const ViewObject *pgpu, const char *property, const char *state, Slots *slots) {
        for (size_t i = 0; i < object_n_refs(pgpu, property); i++) {
                const ViewObject *vgpu = object_nth_ref(v, pgpu, property, i);
                bool seen = false;

                /* A VGPU that became resident between two pages stands in both lists. */
                for (size_t k = 0; k < slots->n; k++)
                        seen |= slots->items[k].vgpu == vgpu;
                if (vgpu && !seen)
                        slots->items[slots->n++] = (Slot){.vgpu = vgpu,
                                .vm = object_ref(v, vgpu, "VM"),
                                .type = object_ref(v, vgpu, "Type"),
                                .state = state};
        }
}

static void add_reserved(View *v, const ViewObject *pgpu, Slots *slots) {
        for (size_t i = 0; i < object_n_refs(pgpu, "Reservations"); i++) {
                const ViewObject *reservation = object_nth_ref(v, pgpu, "Reservations", i);

                if (reservation)
                        slots->items[slots->n++] = (Slot){.reservation = reservation,
                                .type = object_ref(v, reservation, "Type"),
                                .state = "reserved"};
        }
}

/* A domain of which only a name is known has no type: it takes the PGPU whole. */
static void add_outsiders(View *v, const ViewObject *pgpu, Slots *slots) {
        struct json_object *outside = object_property(pgpu, "OutsideVGPUs");

        for_each_answer(one, outside)
                slots->items[slots->n++] =
                        (Slot){.outsider = one, .type = view_get(v, answer_nth_text(one, 2)), .state = "outside"};
}

static const char *name_of(const Slot *slot) {
        if (slot->outsider)
                return answer_nth_text(slot->outsider, 1);

        const char *name = object_text(slot->reservation ? slot->reservation : slot->vm, "NameLabel");

        return *name || !slot->vgpu ? name : slot->vgpu->uuid;
}

/* By the names of their VMs, so that a VM keeps its place while it starts; reservations come last. */
static int compare_slots(const void *a, const void *b) {
        const Slot *x = a, *y = b;
        int r;

        if (!x->reservation != !y->reservation)
                return x->reservation ? 1 : -1;
        r = strverscmp(name_of(x), name_of(y));

        return r ? r : strverscmp(object_text(x->vgpu, "Device"), object_text(y->vgpu, "Device"));
}

static int find_slots(View *v, const ViewObject *pgpu, Slots *ret) {
        ret->items = calloc(object_n_refs(pgpu, "ResidentVGPUs") + object_n_refs(pgpu, "ScheduledVGPUs") +
                                    object_n_refs(pgpu, "Reservations") +
                                    answer_length(object_property(pgpu, "OutsideVGPUs")) + 1,
                sizeof(Slot));
        if (!ret->items)
                return -ENOMEM;
        add_vgpus(v, pgpu, "ResidentVGPUs", "resident", ret);
        add_vgpus(v, pgpu, "ScheduledVGPUs", "scheduled", ret);
        add_reserved(v, pgpu, ret);
        add_outsiders(v, pgpu, ret);
        qsort(ret->items, ret->n, sizeof(Slot), compare_slots);
        return 0;
}

/* As JSON */

static struct json_object *new_of(const ViewObject *of) {
        struct json_object *o = json_object_new_object();

        json_object_set_userdata(o, (void *) of, NULL);
        return o;
}

const ViewObject *map_object(struct json_object *o) {
        return json_object_get_userdata(o);
}

const char *map_slot_name(struct json_object *slot) {
        return answer_text(slot, answer_member(slot, "reservation-uuid") ? "reservation-name-label" : "vm-name-label");
}

static struct json_object *slot_json(const Slot *slot, uint64_t size) {
        struct json_object *o = new_of(slot->type);

        json_add_string(o, "vgpu-uuid", slot->vgpu ? slot->vgpu->uuid : "");
        json_add_string(o, "vm-uuid",
                slot->outsider ? answer_nth_text(slot->outsider, 0)
                : slot->vm     ? slot->vm->uuid
                               : "");
        json_add_string(o, "vm-name-label", slot->reservation ? "" : name_of(slot));
        if (slot->reservation) {
                json_add_string(o, "reservation-uuid", slot->reservation->uuid);
                json_add_string(o, "reservation-name-label", name_of(slot));
        }
        json_add_string(o, "type-model-name", object_text(slot->type, "ModelName"));
        json_add_string(o, "state", slot->state);
        json_add_string(o, "function", object_text(slot->vgpu, "Function"));
        json_add_u64(o, "size", size);
        return o;
}

static int pgpu_json(View *v, const ViewObject *pgpu, struct json_object **ret) {
        struct json_object *slots = json_object_new_array();
        uint64_t size = object_number(pgpu, "Size"), used = 0;
        _cleanup_(slots_done) Slots found = {};
        const ViewObject *type;

        *ret = new_of(pgpu);
        if (find_slots(v, pgpu, &found) < 0)
                return -ENOMEM;
        size = size > 0 ? size : PGPU_SIZE_DEFAULT;
        type = found.n > 0 ? found.items[0].type : NULL;
        for (size_t i = 0; i < found.n; i++) {
                uint64_t share = object_number(found.items[i].type, "Size");

                share = share > 0 ? share : size;
                used += share;
                type = found.items[i].type == type ? type : NULL;
                json_object_array_add(slots, slot_json(&found.items[i], share));
        }
        json_add_string(*ret, "uuid", pgpu->uuid);
        json_add_string(*ret, "pci-id", object_text(pgpu, "PCIID"));
        json_add_u64(*ret, "size", size);
        json_add_u64(*ret, "used", used);
        json_add_string(*ret, "health", object_text(pgpu, "Health"));
        json_add_string(*ret, "health-reason", object_text(pgpu, "HealthReason"));
        json_add_string(*ret, "division", object_text(pgpu, "Division"));
        json_add_string(*ret, "running-type", object_text(type, "ModelName"));
        json_add(*ret, "slots", slots);
        return 0;
}

/* "GK107GL [GRID K1]" is known as what stands in brackets. */
static struct json_object *card_json(const struct KnownBoard *board, const ViewObject *pgpu) {
        const char *name = object_text(pgpu, "DeviceName"), *open = strrchr(name, '['),
                   *close = open ? strchr(open, ']') : NULL;
        struct json_object *o = json_object_new_object();

        if (board)
                json_add_string(o, "name", board->name);
        else if (close)
                json_add(o, "name", json_object_new_string_len(open + 1, (int) (close - open - 1)));
        else
                json_add_string(o, "name", *name ? name : "GPU");
        json_add(o, "pgpus", json_object_new_array());
        return o;
}

static int add_pgpu(View *v, struct json_object *cards, ViewObject *pgpu, const ViewObject *before) {
        const struct KnownBoard *board = board_of(v, pgpu);
        struct json_object *card = before ? answer_nth(cards, answer_length(cards) - 1) : NULL, *o;
        int r;

        if (!card || answer_length(answer_member(card, "pgpus")) >= (board ? board->n_gpus : 1) ||
                board_of(v, before) != board || !is_next_bus(before, pgpu)) {
                card = card_json(board, pgpu);
                json_object_array_add(cards, card);
        }
        r = pgpu_json(v, pgpu, &o);
        json_object_array_add(answer_member(card, "pgpus"), o);
        return r;
}

static int add_host(
        View *v, struct json_object *hosts, const ViewObject *host, ViewObject *const *pgpus, size_t n) {
        struct json_object *o = new_of(host), *cards = json_object_new_array();
        const ViewObject *before = NULL;
        int r = 0;

        json_add_string(o, "uuid", host->uuid);
        json_add_string(o, "name-label", object_text(host, "NameLabel"));
        json_add_string(o, "state", object_text(host, "State"));
        json_add(o, "cards", cards);
        json_object_array_add(hosts, o);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (!streq(object_text(pgpus[i], "Host"), host->path))
                        continue;
                r = add_pgpu(v, cards, pgpus[i], before);
                before = pgpus[i];
        }
        return r;
}

int map_build(View *v, const char *host_path, struct json_object **ret) {
        _cleanup_free_ ViewObject **hosts = NULL, **pgpus = NULL;
        _cleanup_json_ struct json_object *map = json_object_new_array();
        size_t n_hosts, n_pgpus;
        int r;

        r = view_list(v, class_find("host"), &hosts, &n_hosts);
        if (r >= 0)
                r = view_list(v, class_find("pgpu"), &pgpus, &n_pgpus);
        for (size_t i = 0; r >= 0 && i < n_hosts; i++)
                if (!host_path || streq(hosts[i]->path, host_path))
                        r = add_host(v, map, hosts[i], pgpus, n_pgpus);
        if (r >= 0)
                *ret = take_ptr(map);
        return r;
}
