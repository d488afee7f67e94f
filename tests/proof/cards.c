/*
 * The cards of a machine: K1s with three homogeneous types, which may be passed through as well; the last one of some machines is a
 * board that is divided into virtual functions
 */

#include "hostd/core/idset.h"
#include "hostd/core/sriov-types.h"
#include "tests/proof/boards.h"

#define FOLDER "/usr/share/nvidia/vgx/"

const CardType card_types[CARD_TYPES] = {
        {"GRID K100", FOLDER "grid_k100.conf", 8, 0x0fe7, 0x101e},
        {"GRID K120Q", FOLDER "grid_k120q.conf", 8, 0x0fe7, 0x104d},
        {"GRID K140Q", FOLDER "grid_k140q.conf", 4, 0x0fe7, 0x104e},
};

const CardType *card_type_of_file(const char *config_file) {
        for (size_t i = 0; config_file && i < CARD_TYPES; i++)
                if (startswith(config_file, card_types[i].config_file))
                        return &card_types[i];
        return NULL;
}

char *card_type_identifier(const CardType *t) {
        return host_type_identifier_nvidia(0x0ff2, &(uint16_t){0x1012}, t->vdev, t->vsubdev);
}

uint32_t cards_instances(const Machine *m, const CardType *t) {
        return m->is_resized[t - card_types] ? t->instances / 2 : t->instances;
}

static HostType make_type(const Machine *m, const CardType *t) {
        uint32_t instances = cards_instances(m, t);

        return (HostType){
                .implementation = TYPE_NVIDIA,
                .identifier = card_type_identifier(t),
                .vendor_name = strdup("NVIDIA Corporation"),
                .model_name = strdup(t->name),
                .framebuffer_size = UINT64_C(0x10000000) * 8 / instances,
                .max_heads = 2,
                .max_x = 1920,
                .max_y = 1200,
                .instances = instances,
                .size = host_type_size(instances),
                .self_compatible_in_vm = t == card_types,
                .self_compatible_on_pgpu = true,
                .config_file = strdup(t->config_file),
        };
}

/* Of boards */

#define BOARD_DEVICE 0xe212

const BoardType board_types[BOARD_TYPES] = {{"half", 2, ""}, {"quarter", 4, ""}, {"quarter-high", 4, "high"}, {"least", 0, ""}};

uint32_t board_type_functions(const MachineBoard *b, const BoardType *t) {
        return t->functions ?: b->total;
}

char *board_type_identifier(const MachineBoard *b, const BoardType *t) {
        return host_type_identifier_sriov(&(SriovType){
                .vendor = PCI_VENDOR_INTEL,
                .pdev = BOARD_DEVICE,
                .any_psubdev = true,
                .vfs_per_pgpu = board_type_functions(b, t),
                .priority = sriov_priority_from_string(t->priority),
        });
}

const BoardType *board_type_find(const MachineBoard *b, const char *identifier) {
        for (size_t i = 0; i < BOARD_TYPES; i++) {
                _cleanup_free_ char *own = board_type_identifier(b, &board_types[i]);

                if (streq(own, identifier))
                        return &board_types[i];
        }
        return NULL;
}

/* The last one of a board of four is the same as another. */
static bool is_type_twice(const MachineBoard *b, const BoardType *t) {
        return t->functions == 0 && b->total == 4;
}

static HostType make_board_type(const MachineBoard *b, const BoardType *t) {
        uint32_t functions = board_type_functions(b, t);
        HostType type = {
                .implementation = TYPE_SRIOV,
                .identifier = board_type_identifier(b, t),
                .vendor_name = strdup("Intel Corporation"),
                .instances = functions,
                .size = host_type_size(functions),
                .self_compatible_on_pgpu = true,
                .vgpus_per_pgpu = functions,
                .priority = t->priority,
        };

        if (asprintf(&type.model_name, "Arc 1/%u%s", functions, t->priority) < 0)
                abort();
        return type;
}

/* As the catalog of types has it: what is divided by others stays so. */
static int add_board_types(const Machine *m, const MachineBoard *b, Pgpu *p) {
        bool stays = pgpu_division_is_fixed(p) || m->keeps_divisions;
        int r = 0;

        for (size_t i = 0; i < BOARD_TYPES && r >= 0; i++) {
                _cleanup_free_ char *id = board_type_identifier(b, &board_types[i]);

                if (!stays || board_type_functions(b, &board_types[i]) == p->n_functions)
                        r = idset_add(&p->supported, id);
        }
        if (r >= 0 && pgpu_offers_passthrough(p))
                r = idset_add(&p->supported, PASSTHROUGH_IDENTIFIER);
        return r;
}

static int make_board(const Machine *m, const HardwareSettings *settings, const MachineBoard *b, unsigned card, Pgpu *ret) {
        *ret = (Pgpu){
                .address = cards_address(m, card),
                .vendor_id = PCI_VENDOR_INTEL,
                .device_id = BOARD_DEVICE,
                .subsystem_vendor_id = PCI_VENDOR_INTEL,
                .subsystem_device_id = 0x1100,
                .subsystem_known = true,
                .pci_class = 0x0300,
                .vendor_name = strdup("Intel Corporation"),
                .device_name = strdup("Battlemage G21 [Arc Pro B50]"),
                .driver = strdup("xe"),
                .bridge = strdup(""),
                .is_lost = m->cards[card].is_lost,
                .total_functions = b->total,
        };
        return pci_scan_division(&settings->pci, ret) ?: add_board_types(m, b, ret);
}

PciAddress cards_address(const Machine *m, unsigned card) {
        return (PciAddress){.bus = (uint8_t) (0x83 + card), .dev = m->cards[card].moves};
}

bool cards_is_lost(const Machine *m, const PciAddress *address) {
        for (unsigned i = 0; i < m->n_pgpus; i++) {
                PciAddress card = cards_address(m, i);

                if (pci_address_compare(&card, address) == 0)
                        return m->cards[i].is_lost;
        }
        return false;
}

/* A K2 of which no type file tells. */
static void make_other(Pgpu *p) {
        p->device_id = 0x11bf;
        p->subsystem_device_id = 0x100d;
        free(p->device_name);
        p->device_name = strdup("GK104GL [GRID K2]");
}

static Pgpu make_pgpu(const Machine *m, unsigned i) {
        Pgpu p = {
                .address = cards_address(m, i),
                .vendor_id = PCI_VENDOR_NVIDIA,
                .device_id = 0x0ff2,
                .subsystem_vendor_id = PCI_VENDOR_NVIDIA,
                .subsystem_device_id = 0x1012,
                .subsystem_known = true,
                .pci_class = 0x0300,
                .vendor_name = strdup("NVIDIA Corporation"),
                .device_name = strdup("GK107GL [GRID K1]"),
                .driver = strdup("nvidia"),
                .bridge = strdup(""),
                .is_lost = m->cards[i].is_lost,
        };

        if (m->cards[i].is_other)
                make_other(&p);
        for (size_t k = 0; k < CARD_TYPES && !m->cards[i].is_other; k++) {
                _cleanup_free_ char *id = card_type_identifier(&card_types[k]);

                if (!m->lacks_type[k])
                        (void) idset_add(&p.supported, id);
        }
        (void) idset_add(&p.supported, PASSTHROUGH_IDENTIFIER);
        return p;
}

static int add_card(const Machine *m, const HardwareSettings *settings, unsigned i, Hardware *h) {
        const MachineBoard *b = &m->cards[i].board;
        int r = 0;

        if (!b->is_one || m->cards[i].is_other) {
                h->pgpus[h->n_pgpus++] = make_pgpu(m, i);
                return 0;
        }
        r = make_board(m, settings, b, i, &h->pgpus[h->n_pgpus++]);
        for (size_t k = 0; k < BOARD_TYPES; k++)
                if (!is_type_twice(b, &board_types[k]))
                        h->types[h->n_types++] = make_board_type(b, &board_types[k]);
        return r;
}

int cards_scan(const HardwareSettings *settings, Hardware *ret, void *machine) {
        Machine *m = machine;
        Hardware h = {
                .pgpus = calloc(m->n_pgpus, sizeof(Pgpu)),
                .types = calloc(CARD_TYPES + BOARD_TYPES + 1, sizeof(HostType)),
        };

        for (unsigned i = 0; i < m->n_pgpus; i++)
                if (m->cards[i].is_gone || m->cards[i].is_lost || m->cards[i].is_other)
                        history_strike(&m->count_cards);
        for (unsigned i = 0; i < m->n_pgpus; i++) {
                if (m->cards[i].is_moved && !m->cards[i].is_gone)
                        history_strike(&m->count_moves);
                m->cards[i].is_moved = false;
        }
        for (unsigned i = 0; i < m->n_pgpus; i++)
                if (!m->cards[i].is_gone && add_card(m, settings, i, &h) < 0)
                        return -ENOMEM;
        for (size_t k = 0; k < CARD_TYPES; k++)
                if (!m->lacks_type[k])
                        h.types[h.n_types++] = make_type(m, &card_types[k]);
                else
                        history_strike(&m->count_types);
        for (size_t k = 0; k < CARD_TYPES; k++)
                if (m->is_resized[k])
                        history_strike(&m->count_sizes);
        if (host_type_make_passthrough(&h.types[h.n_types++]) < 0)
                return -ENOMEM;
        *ret = h;
        return 0;
}

uint64_t chance_between(Dice *d, uint64_t from, uint64_t to) {
        return from + dice_next(d) % (to - from + 1);
}

bool chance(Dice *d, unsigned per_thousand) {
        return dice_next(d) % 1000 < per_thousand;
}
