/*
 * One emulated PCI function
 *
 * A mask of writable bits beside the header makes sizing work by itself: who writes all ones to a BAR reads
 * back its size.
 */

#include "tests/xen/machine/function.h"

#define COMMAND 0x04
#define COMMAND_WRITABLE 0x0407 /* I/O, memory, bus master, INTx off */
#define REVISION 0x08
#define CACHE_LINE_SIZE 0x0c
#define HEADER_TYPE 0x0e
#define HEADER_MULTIFUNCTION 0x80
#define BAR(n) (0x10 + 4 * (n))
#define SUBSYSTEM 0x2c
#define INTERRUPT_LINE 0x3c

#define BAR_IO_BIT 0x1
#define BAR_64_BIT 0x4
#define BAR_PREFETCH_BIT 0x8
#define BAR_MEMORY_FLAGS 0xf

static void put(uint8_t *bytes, uint32_t offset, unsigned size, uint32_t value) {
        for (unsigned i = 0; i < size; i++)
                bytes[offset + i] = (uint8_t) (value >> (8 * i));
}

static uint32_t get(const uint8_t *bytes, uint32_t offset, unsigned size) {
        uint32_t value = 0;

        for (unsigned i = 0; i < size; i++)
                value |= (uint32_t) bytes[offset + i] << (8 * i);
        return value;
}

static void init_bar(Function *f, unsigned n, const BarSpec *bar) {
        uint32_t flags = bar->kind == BAR_IO           ? BAR_IO_BIT
                         : bar->kind == BAR_PREFETCH64 ? BAR_64_BIT | BAR_PREFETCH_BIT
                                                       : 0;

        if (bar->kind == BAR_NONE)
                return;
        put(f->config, BAR(n), 4, flags);
        put(f->writable, BAR(n), 4, ~(bar->size - 1));
        if (bar->kind == BAR_PREFETCH64)
                put(f->writable, BAR(n + 1), 4, UINT32_MAX);
}

void function_init(Function *f, const FunctionSpec *spec) {
        *f = (Function){.spec = spec};

        put(f->config, 0, 2, spec->vendor);
        put(f->config, 2, 2, spec->device);
        put(f->config, REVISION, 4, spec->class << 8 | spec->revision);
        put(f->config, HEADER_TYPE, 1, spec->has_others ? HEADER_MULTIFUNCTION : 0);
        put(f->config, SUBSYSTEM, 2, spec->subsystem_vendor);
        put(f->config, SUBSYSTEM + 2, 2, spec->subsystem_device);
        for (unsigned n = 0; n < FUNCTION_BARS; n++)
                init_bar(f, n, &spec->bars[n]);

        put(f->writable, COMMAND, 2, COMMAND_WRITABLE);
        put(f->writable, CACHE_LINE_SIZE, 1, UINT8_MAX);
        put(f->writable, INTERRUPT_LINE, 1, UINT8_MAX);
}

void function_reset(Function *f) {
        function_init(f, f->spec);
}

static bool is_inside(uint32_t offset, unsigned size) {
        return (size == 1 || size == 2 || size == 4) && offset <= FUNCTION_CONFIG_SIZE - size;
}

uint32_t function_read_config(const Function *f, uint32_t offset, unsigned size) {
        return is_inside(offset, size) ? get(f->config, offset, size) : UINT32_MAX;
}

void function_write_config(Function *f, uint32_t offset, unsigned size, uint32_t value) {
        uint32_t mask;

        if (!is_inside(offset, size))
                return;
        mask = get(f->writable, offset, size);
        put(f->config, offset, size, (get(f->config, offset, size) & ~mask) | (value & mask));
}

uint64_t function_read_memory(const Function *f, uint64_t address) {
        return address == (get(f->config, BAR(0), 4) & ~(uint32_t) BAR_MEMORY_FLAGS) ? f->spec->chip : 0;
}
