#pragma once

/*
 * Destroying a domain that nobody here started
 */

#include "common/base/uuid.h"

typedef struct EndDomain {
        const char *sim_dir; /* "" where Xen is real */
        Uuid uuid;
        uint32_t domid;
} EndDomain;

/* A hypervisor's part. 0 also where the domain with that id is gone, or is another one by now. *ret_why: NULL, or what the hypervisor
 * says of a failure. */
typedef int (*DomainEnder)(const EndDomain *d, char **ret_why);

/* END_DOMAIN_VERB (hostd/run/program.h): the exit status. */
int end_domain_main(int argc, char **argv, DomainEnder end_xen, DomainEnder end_simulated);
