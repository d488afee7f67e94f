/*
 * Dice
 */

#include "tests/unit/policyd-core/dice.h"

/* xorshift64* */
uint32_t roll(Dice *d, uint32_t sides) {
        d->state ^= d->state >> 12;
        d->state ^= d->state << 25;
        d->state ^= d->state >> 27;
        return (uint32_t) ((d->state * UINT64_C(2685821657736338717)) >> 33) % sides;
}

Vm *random_vm(World *w, Dice *d) {
        Vm *vm = world_vm(w, "new", _WORLD_TYPE_MAX);

        for (size_t i = 1 + roll(d, 4); i > 0; i--) {
                WorldType type = roll(d, _WORLD_TYPE_MAX);
                GpuGroup *g = w->groups[type <= K140Q || (type == PASSTHROUGH && roll(d, 2)) ? K1 : K2];
                Vgpu *v = world_vgpu(w, vm, g, w->types[type]);

                if (roll(d, 10) == 0) {
                        v->pinned = true;
                        v->pinned_pci = (PciAddress){.bus = (uint8_t) (0x80 + roll(d, 4))};
                }
        }
        return vm;
}
