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

void map_done(Map *map) {
        for (size_t h = 0; h < map->n_hosts; h++) {
                MapHost *host = &map->hosts[h];

                for (size_t c = 0; c < host->n_cards; c++) {
                        MapCard *card = &host->cards[c];

                        for (size_t p = 0; p < card->n_pgpus; p++)
                                free(card->pgpus[p].slots);
                        free(card->pgpus);
                        free(card->name);
                }
                free(host->cards);
        }
        free(map->hosts);
        *map = (Map){};
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

static void add_slot(MapPgpu *p, MapSlot slot) {
        slot.size = object_number(slot.type, "Size") > 0 ? object_number(slot.type, "Size") : p->size;
        if (p->n_slots == 0)
                p->type = slot.type;
        else if (p->type != slot.type)
                p->type = NULL;
        p->used += slot.size;
        p->slots[p->n_slots++] = slot;
}

static void add_slots(View *v, MapPgpu *p, const char *property, bool scheduled) {
        for (size_t i = 0; i < object_n_refs(p->pgpu, property); i++) {
                const ViewObject *vgpu = object_nth_ref(v, p->pgpu, property, i);
                bool seen = false;

                /* A VGPU that became resident between two pages stands in both lists. */
                for (size_t k = 0; k < p->n_slots; k++)
                        seen |= p->slots[k].vgpu == vgpu;
                if (!vgpu || seen)
                        continue;

                add_slot(p, (MapSlot){.vgpu = vgpu,
                                    .vm = object_ref(v, vgpu, "VM"),
                                    .type = object_ref(v, vgpu, "Type"),
                                    .scheduled = scheduled});
        }
}

static void add_reserved_slots(View *v, MapPgpu *p) {
        for (size_t i = 0; i < object_n_refs(p->pgpu, "Reservations"); i++) {
                const ViewObject *reservation = object_nth_ref(v, p->pgpu, "Reservations", i);

                if (reservation)
                        add_slot(p, (MapSlot){.reservation = reservation,
                                            .type = object_ref(v, reservation, "Type")});
        }
}

/* A domain of which only a name is known has no type: it takes the PGPU whole. */
static void add_outside_slots(View *v, MapPgpu *p) {
        struct json_object *outside = object_property(p->pgpu, "OutsideVGPUs");

        for_each_answer(one, outside) {
                add_slot(p, (MapSlot){.outsider = one, .type = view_get(v, answer_nth_text(one, 2))});
        }
}

const char *map_slot_name(const MapSlot *slot) {
        if (slot->outsider)
                return answer_nth_text(slot->outsider, 1);

        const char *name = object_text(slot->reservation ? slot->reservation : slot->vm, "NameLabel");

        return *name || !slot->vgpu ? name : slot->vgpu->uuid;
}

/* By the names of their VMs, so that a VM keeps its place while it starts; reservations come last. */
static int compare_slots(const void *a, const void *b) {
        const MapSlot *x = a, *y = b;
        int r;

        if (!x->reservation != !y->reservation)
                return x->reservation ? 1 : -1;
        r = strverscmp(map_slot_name(x), map_slot_name(y));

        return r ? r : strverscmp(object_text(x->vgpu, "Device"), object_text(y->vgpu, "Device"));
}

static int fill_pgpu(View *v, const ViewObject *pgpu, MapPgpu *ret) {
        const ViewObject *host = object_ref(v, pgpu, "Host");
        MapPgpu p = {.pgpu = pgpu,
                .size = object_number(pgpu, "Size"),
                .offline = host && !streq(object_text(host, "State"), "online")};

        if (p.size == 0)
                p.size = PGPU_SIZE_DEFAULT;
        p.slots = calloc(object_n_refs(pgpu, "ResidentVGPUs") + object_n_refs(pgpu, "ScheduledVGPUs") +
                                 object_n_refs(pgpu, "Reservations") +
                                 answer_length(object_property(pgpu, "OutsideVGPUs")) + 1,
                sizeof(MapSlot));
        if (!p.slots)
                return -ENOMEM;
        add_slots(v, &p, "ResidentVGPUs", false);
        add_slots(v, &p, "ScheduledVGPUs", true);
        add_reserved_slots(v, &p);
        add_outside_slots(v, &p);
        qsort(p.slots, p.n_slots, sizeof(MapSlot), compare_slots);
        *ret = p;
        return 0;
}

/* "GK107GL [GRID K1]" is known as what stands in brackets. */
static char *card_name(const struct KnownBoard *board, const ViewObject *pgpu) {
        const char *name = object_text(pgpu, "DeviceName"), *open = strrchr(name, '['),
                   *close = open ? strchr(open, ']') : NULL;

        if (board)
                return strdup(board->name);
        return close ? strndup(open + 1, (size_t) (close - open - 1)) : strdup(*name ? name : "GPU");
}

static int add_pgpu(View *v, MapHost *host, ViewObject *pgpu, const ViewObject *before) {
        const struct KnownBoard *board = board_of(v, pgpu);
        MapCard *card = host->n_cards > 0 ? &host->cards[host->n_cards - 1] : NULL;
        size_t room = board ? board->n_gpus : 1;

        if (!card || !before || card->n_pgpus >= room || board_of(v, before) != board ||
                !is_next_bus(before, pgpu)) {
                card = &host->cards[host->n_cards];
                card->name = card_name(board, pgpu);
                card->pgpus = calloc(room, sizeof(MapPgpu));
                host->n_cards++;
                if (!card->name || !card->pgpus)
                        return -ENOMEM;
        }
        int r = fill_pgpu(v, pgpu, &card->pgpus[card->n_pgpus]);
        if (r >= 0)
                card->n_pgpus++;
        return r;
}

static int fill_host(View *v, ViewObject *const *pgpus, size_t n, MapHost *host) {
        const ViewObject *before = NULL;
        int r = 0;

        host->cards = calloc(n + 1, sizeof(MapCard));
        if (!host->cards)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (!streq(object_text(pgpus[i], "Host"), host->host->path))
                        continue;
                r = add_pgpu(v, host, pgpus[i], before);
                before = pgpus[i];
        }
        return r;
}

int map_build(View *v, const char *host_path, Map *ret) {
        _cleanup_free_ ViewObject **hosts = NULL, **pgpus = NULL;
        size_t n_hosts, n_pgpus;
        Map map = {};
        int r;

        r = view_list(v, class_find("host"), &hosts, &n_hosts);
        if (r >= 0)
                r = view_list(v, class_find("pgpu"), &pgpus, &n_pgpus);
        if (r < 0)
                return r;
        map.hosts = calloc(n_hosts + 1, sizeof(MapHost));
        if (!map.hosts)
                return -ENOMEM;

        for (size_t i = 0; r >= 0 && i < n_hosts; i++) {
                if (host_path && !streq(hosts[i]->path, host_path))
                        continue;
                map.hosts[map.n_hosts].host = hosts[i];
                r = fill_host(v, pgpus, n_pgpus, &map.hosts[map.n_hosts++]);
        }
        if (r < 0) {
                map_done(&map);
                return r;
        }
        *ret = map;
        return 0;
}

static struct json_object *slot_json(const MapSlot *slot) {
        struct json_object *o = json_object_new_object();

        json_add_string(o, "vgpu-uuid", slot->vgpu ? slot->vgpu->uuid : "");
        json_add_string(o, "vm-uuid",
                slot->outsider ? answer_nth_text(slot->outsider, 0)
                : slot->vm     ? slot->vm->uuid
                               : "");
        json_add_string(o, "vm-name-label", slot->reservation ? "" : map_slot_name(slot));
        if (slot->reservation) {
                json_add_string(o, "reservation-uuid", slot->reservation->uuid);
                json_add_string(o, "reservation-name-label", object_text(slot->reservation, "NameLabel"));
        }
        json_add_string(o, "type-model-name", object_text(slot->type, "ModelName"));
        json_add_string(o, "state",
                slot->reservation ? "reserved"
                : slot->outsider  ? "outside"
                : slot->scheduled ? "scheduled"
                                  : "resident");
        json_add_u64(o, "size", slot->size);
        return o;
}

static struct json_object *pgpu_json(const MapPgpu *p) {
        struct json_object *o = json_object_new_object(), *slots = json_object_new_array();

        json_add_string(o, "uuid", p->pgpu->uuid);
        json_add_string(o, "pci-id", object_text(p->pgpu, "PCIID"));
        json_add_u64(o, "size", p->size);
        json_add_u64(o, "used", p->used);
        json_add_string(o, "health", object_text(p->pgpu, "Health"));
        json_add_string(o, "running-type", object_text(p->type, "ModelName"));
        for (size_t i = 0; i < p->n_slots; i++)
                json_object_array_add(slots, slot_json(&p->slots[i]));
        json_add(o, "slots", slots);
        return o;
}

int map_print_json(FILE *out, View *v, const char *host_path) {
        _cleanup_json_ struct json_object *hosts = json_object_new_array();
        Map map;
        int r;

        r = map_build(v, host_path, &map);
        if (r < 0)
                return r;
        for (size_t h = 0; h < map.n_hosts; h++) {
                struct json_object *host = json_object_new_object(), *cards = json_object_new_array();

                json_add_string(host, "uuid", map.hosts[h].host->uuid);
                json_add_string(host, "name-label", object_text(map.hosts[h].host, "NameLabel"));
                json_add_string(host, "state", object_text(map.hosts[h].host, "State"));
                for (size_t c = 0; c < map.hosts[h].n_cards; c++) {
                        const MapCard *card = &map.hosts[h].cards[c];
                        struct json_object *o = json_object_new_object(), *pgpus = json_object_new_array();

                        json_add_string(o, "name", card->name);
                        for (size_t p = 0; p < card->n_pgpus; p++)
                                json_object_array_add(pgpus, pgpu_json(&card->pgpus[p]));
                        json_add(o, "pgpus", pgpus);
                        json_object_array_add(cards, o);
                }
                json_add(host, "cards", cards);
                json_object_array_add(hosts, host);
        }
        map_done(&map);
        return print_json(out, hosts);
}
