/*
 * The memory of a guest of libxl's, as a file
 */

#include <libxl.h>

#include "hostd/libxl/libxl-dump.h"
#include "hostd/run/libxl-log.h"

#define BYTES_PER_KIB 1024

typedef struct XenDump {
        Libxl *xl;
        uint32_t domid;
} XenDump;

static int write_memory(const char *path, void *userdata) {
        const XenDump *x = userdata;

        return libxl_domain_core_dump(x->xl->ctx, x->domid, path, NULL) == 0 ? 0 : -EIO;
}

static int measure(const XenDump *x, uint64_t *ret) {
        libxl_dominfo info;
        int rc;

        libxl_dominfo_init(&info);
        rc = libxl_domain_info(x->xl->ctx, &info, x->domid);
        if (rc == 0)
                *ret = info.current_memkb * BYTES_PER_KIB;
        libxl_dominfo_dispose(&info);
        return rc == 0 ? 0 : -EIO;
}

int libxl_dump_core(const CoreDump *d, char **ret_path, int *ret_excess, char **ret_why) {
        XenDump x = { .domid = d->domid };
        uint64_t bytes = 0;
        int r;

        r = libxl_open(&x.xl);
        if (r >= 0)
                r = measure(&x, &bytes);
        if (r >= 0)
                r = core_dump_keep(d->folder, d->most, &d->vm, bytes, write_memory, &x, ret_path, ret_excess);
        if (r < 0 && x.xl)
                *ret_why = strdup(x.xl->first_error);
        libxl_close(x.xl);
        return r;
}
