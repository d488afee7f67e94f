#pragma once

/*
 * One emulated PCI function
 *
 * A type 0 header with ids, class and BARs, and nothing behind it: no interrupt, no DMA, no capabilities.
 * What the kernel, libpci, xen-pciback and a guest look at when they find, move and size a device is there.
 * Register 0 of BAR 0 tells the chip, as on NVIDIA's boards; every other register reads as 0.
 */

#include "common/base/macros.h"

#define FUNCTION_CONFIG_SIZE 256
#define FUNCTION_BARS 6

typedef enum BarKind {
        BAR_NONE,
        BAR_MEMORY32,
        BAR_PREFETCH64, /* takes the following BAR's place too */
        BAR_IO,
} BarKind;

typedef struct BarSpec {
        BarKind kind;
        uint32_t size; /* bytes, a power of 2 */
} BarSpec;

typedef struct FunctionSpec {
        uint16_t vendor, device, subsystem_vendor, subsystem_device;
        uint32_t class; /* class, subclass, programming interface */
        uint8_t revision;
        bool has_others; /* functions beside it in its slot */
        uint32_t chip; /* register 0 of BAR 0 */
        BarSpec bars[FUNCTION_BARS];
} FunctionSpec;

typedef struct Function {
        const FunctionSpec *spec;
        uint8_t config[FUNCTION_CONFIG_SIZE];
        uint8_t writable[FUNCTION_CONFIG_SIZE]; /* a bit that is set can be written */
} Function;

void function_init(Function *f, const FunctionSpec *spec);
void function_reset(Function *f);

/* size is 1, 2 or 4; outside the header reads are all ones, as on a bus, and writes go nowhere. */
uint32_t function_read_config(const Function *f, uint32_t offset, unsigned size);
void function_write_config(Function *f, uint32_t offset, unsigned size, uint32_t value);

/* By bus address, as the device gets it. */
uint64_t function_read_memory(const Function *f, uint64_t address);
