/*
 * libpci, with its errors as return values
 *
 * Between setjmp() and the end of a guarded call stand only libpci's frames and ours without cleanup
 * attributes, so that the jump skips nothing of ours. What libpci had open at that moment is lost; inputs are
 * checked before, so that this stays the exception.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"
#include "hostd/edge/pci-access.h"

#define ERROR_TEXT_MAX 256
#define NAME_TEXT_MAX 512

struct PciAccess {
        struct pci_access *pci;
        char error[ERROR_TEXT_MAX];
        char name[NAME_TEXT_MAX], clean[TEXT_NAME_MAX + 1];
};

typedef struct Guard {
        jmp_buf back;
        char *error;
} Guard;

static _Thread_local Guard *active_guard;

static void on_error(char *format, ...) __attribute__((__noreturn__, __format__(printf, 1, 2)));
static void on_message(char *format, ...) __attribute__((__format__(printf, 1, 2)));

static void on_error(char *format, ...) {
        Guard *guard = active_guard;
        va_list ap;

        /* No guard is a mistake of ours in this file. */
        if (!guard)
                abort();

        va_start(ap, format);
        text_vformat(guard->error, ERROR_TEXT_MAX, format, ap);
        va_end(ap);
        longjmp(guard->back, 1);
}

static void on_message(char *format, ...) {
}

typedef void (*GuardedCall)(struct pci_access *pci, void *argument);

static int guarded(PciAccess *a, GuardedCall call, void *argument) {
        Guard guard = { .error = a->error };

        active_guard = &guard;
        if (setjmp(guard.back) != 0) {
                active_guard = NULL;
                return -EIO;
        }

        call(a->pci, argument);
        active_guard = NULL;
        return 0;
}

typedef struct OpenCall {
        PciAccessMethod method;
        const char *path;
} OpenCall;

/* libpci's parameters are char * that it copies. */
static void call_open(struct pci_access *pci, void *argument) {
        static char sysfs_path[] = "sysfs.path";
        const OpenCall *open = argument;

        switch (open->method) {
        case PCI_ACCESS_METHOD_SYSFS:
                pci->method = PCI_ACCESS_SYS_BUS_PCI;
                pci_set_param(pci, sysfs_path, (char *) open->path);
                pci_init(pci);
                break;
        case PCI_ACCESS_METHOD_NAMES:
                if (open->path)
                        pci_set_name_list_path(pci, strdup(open->path), /* to_be_freed= */ 1);
                pci->id_lookup_mode = PCI_LOOKUP_NO_HWDB;
                break;
        case _PCI_ACCESS_METHOD_MAX:
        case _PCI_ACCESS_METHOD_INVALID:
                break;
        }
}

int pci_access_new(PciAccessMethod method, const char *path, PciAccess **ret) {
        _cleanup_(pci_access_freep) PciAccess *a = NULL;
        OpenCall open = { method, path };
        int r;

        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        a->pci = pci_alloc();
        if (!a->pci)
                return -ENOMEM;
        a->pci->error = on_error;
        a->pci->warning = on_message;
        a->pci->debug = on_message;

        r = guarded(a, call_open, &open);
        if (r < 0)
                return r;

        *ret = take_ptr(a);
        return 0;
}

static void call_cleanup(struct pci_access *pci, void *argument) {
        pci_cleanup(pci);
}

PciAccess *pci_access_free(PciAccess *a) {
        if (!a)
                return NULL;

        if (a->pci)
                guarded(a, call_cleanup, NULL);
        free(a);
        return NULL;
}

const char *pci_access_error(const PciAccess *a) {
        return a->error;
}

typedef struct ReadCall {
        PciAddress address;
        PciFunction function;
        struct pci_dev *dev; /* kept here, so that it can be freed after a jump */
} ReadCall;

static uint8_t bus_behind_bridge(struct pci_dev *d) {
        if (d->device_class >> 8 != 0x06 ||
                (pci_read_byte(d, PCI_HEADER_TYPE) & 0x7f) != PCI_HEADER_TYPE_BRIDGE)
                return 0;
        return pci_read_byte(d, PCI_SECONDARY_BUS);
}

/* The whole of the configuration space is root's to read; others see no such capability. */
static uint64_t device_serial(struct pci_dev *d) {
        struct pci_cap *cap;
        uint64_t serial;

        pci_fill_info(d, PCI_FILL_EXT_CAPS);
        cap = pci_find_cap(d, PCI_EXT_CAP_ID_DSN, PCI_CAP_EXTENDED);
        if (!cap)
                return 0;
        serial = (uint64_t) pci_read_long(d, (int) cap->addr + 8) << 32 | pci_read_long(d, (int) cap->addr + 4);
        return serial == UINT64_MAX ? 0 : serial;
}

bool pci_bytes_are_ones(const uint8_t *bytes, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (bytes[i] != 0xff)
                        return false;
        return n > 0;
}

static bool reads_all_ones(struct pci_dev *d) {
        uint8_t header[PCI_HEADER_SIZE] = {};

        return pci_read_block(d, 0, header, sizeof(header)) && pci_bytes_are_ones(header, sizeof(header));
}

static void call_read(struct pci_access *pci, void *argument) {
        ReadCall *read = argument;
        struct pci_dev *d;

        d = read->dev = pci_get_dev(
                pci, read->address.domain, read->address.bus, read->address.dev, read->address.fn);
        pci_fill_info(d, PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_SUBSYS);
        read->function = (PciFunction){
                .address = read->address,
                .vendor_id = d->vendor_id,
                .device_id = d->device_id,
                .subsystem_vendor_id = d->subsys_vendor_id == 0xffff ? 0 : d->subsys_vendor_id,
                .subsystem_device_id = d->subsys_vendor_id == 0xffff ? 0 : d->subsys_id,
                .pci_class = d->device_class,
                .bus_below = bus_behind_bridge(d),
                .all_ones = reads_all_ones(d),
                .serial = device_serial(d),
        };
}

static void call_free_dev(struct pci_access *pci, void *argument) {
        pci_free_dev(argument);
}

int pci_access_read(PciAccess *a, const PciAddress *address, PciFunction *ret) {
        ReadCall read = { .address = *address };
        int r;

        r = guarded(a, call_read, &read);
        if (read.dev)
                guarded(a, call_free_dev, read.dev);
        if (r < 0)
                return r;

        *ret = read.function;
        return 0;
}

typedef struct NameCall {
        int flags;
        uint16_t vendor, device, subvendor, subdevice;
        char *buffer;
        const char *name;
} NameCall;

static void call_name(struct pci_access *pci, void *argument) {
        NameCall *n = argument;
        int flags = n->flags | PCI_LOOKUP_NO_NUMBERS;

        /* It takes as many of the ids as the flags ask for. */
        n->name = pci_lookup_name(
                pci, n->buffer, NAME_TEXT_MAX, flags, n->vendor, n->device, n->subvendor, n->subdevice);
}

static const char *look_up(PciAccess *a, NameCall n) {
        n.buffer = a->name;
        if (guarded(a, call_name, &n) < 0)
                return NULL;
        if (isempty(n.name))
                return NULL;
        return text_short(n.name, a->clean, sizeof(a->clean));
}

const char *pci_access_name_vendor(PciAccess *a, uint16_t vendor) {
        return look_up(a, (NameCall){ .flags = PCI_LOOKUP_VENDOR, .vendor = vendor });
}

const char *pci_access_name_device(PciAccess *a, uint16_t vendor, uint16_t device) {
        return look_up(a, (NameCall){ .flags = PCI_LOOKUP_DEVICE, .vendor = vendor, .device = device });
}

const char *pci_access_name_subsystem(
        PciAccess *a, uint16_t vendor, uint16_t device, uint16_t subvendor, uint16_t subdevice) {
        return look_up(a, (NameCall){
                                  .flags = PCI_LOOKUP_SUBSYSTEM | PCI_LOOKUP_DEVICE,
                                  .vendor = vendor,
                                  .device = device,
                                  .subvendor = subvendor,
                                  .subdevice = subdevice,
                          });
}
