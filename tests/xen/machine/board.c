/*
 * NVIDIA's boards, as the emulated machine has them
 *
 * Ids, class and revision are the boards' own. BAR 1 is a quarter of a real one's, or less: the machine's
 * firmware wants room for all of them below 4 GiB and stops silently where there is none.
 */

#include "tests/xen/machine/board.h"

#define KIB (1U << 10)
#define MIB (1U << 20)
#define CLASS_VGA 0x030000
#define CLASS_SOUND 0x040300

static const Board boards[] = {
        {
                .name = "k1",
                .n_gpus = 4,
                .gpu =
                        {
                                .vendor = 0x10de,
                                .device = 0x0ff2,
                                .subsystem_vendor = 0x10de,
                                .subsystem_device = 0x1012,
                                .class = CLASS_VGA,
                                .revision = 0xa1,
                                .chip = 0x0e7000a1,
                                .bars = {{BAR_MEMORY32, 16 * MIB}, {BAR_PREFETCH64, 32 * MIB}, {},
                                        {BAR_PREFETCH64, 32 * MIB}, {}, {BAR_IO, 128}},
                        },
        },
        {
                .name = "k2",
                .n_gpus = 2,
                .gpu =
                        {
                                .vendor = 0x10de,
                                .device = 0x11bf,
                                .subsystem_vendor = 0x10de,
                                .subsystem_device = 0x100a,
                                .class = CLASS_VGA,
                                .revision = 0xa1,
                                .chip = 0x0e4000a1,
                                .bars = {{BAR_MEMORY32, 16 * MIB}, {BAR_PREFETCH64, 32 * MIB}, {},
                                        {BAR_PREFETCH64, 32 * MIB}, {}, {BAR_IO, 128}},
                        },
        },
        {
                .name = "k4000",
                .n_gpus = 1,
                .gpu =
                        {
                                .vendor = 0x10de,
                                .device = 0x11fa,
                                .subsystem_vendor = 0x10de,
                                .subsystem_device = 0x097c,
                                .class = CLASS_VGA,
                                .revision = 0xa1,
                                .has_others = true,
                                .chip = 0x0e6000a1,
                                .bars = {{BAR_MEMORY32, 16 * MIB}, {BAR_PREFETCH64, 32 * MIB}, {},
                                        {BAR_PREFETCH64, 32 * MIB}, {}, {BAR_IO, 128}},
                        },
                .sound =
                        {
                                .vendor = 0x10de,
                                .device = 0x0e0b,
                                .subsystem_vendor = 0x10de,
                                .subsystem_device = 0x097c,
                                .class = CLASS_SOUND,
                                .revision = 0xa1,
                                .has_others = true,
                                .bars = {{BAR_MEMORY32, 16 * KIB}},
                        },
        },
};

const Board *board_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(boards); i++)
                if (streq(boards[i].name, name))
                        return &boards[i];
        return NULL;
}
