/*
 * Destroying a domain of libxl's that nobody here started
 */

#include <libxl.h>

#include "hostd/libxl/libxl-end.h"
#include "hostd/run/libxl-log.h"

/* 1: it is there; 0: it is gone, or another one has its id. */
static int is_there(Libxl *xl, const EndDomain *d) {
        libxl_dominfo info;
        int rc, r = 0;

        libxl_dominfo_init(&info);
        rc = libxl_domain_info(xl->ctx, &info, d->domid);
        if (rc == 0)
                r = memcmp(info.uuid.uuid, d->uuid.bytes, sizeof(d->uuid.bytes)) == 0;
        else if (rc != ERROR_DOMAIN_NOTFOUND)
                r = -EIO;
        libxl_dominfo_dispose(&info);
        return r;
}

int libxl_end_domain(const EndDomain *d, char **ret_why) {
        Libxl *xl = NULL;
        int r;

        r = libxl_open(&xl);
        if (r >= 0)
                r = is_there(xl, d);
        if (r > 0)
                r = libxl_domain_destroy(xl->ctx, d->domid, NULL) == 0 ? 0 : -EIO;
        if (r < 0 && xl)
                *ret_why = strdup(xl->first_error);
        libxl_close(xl);
        return r;
}
