/*
 * Destroying a domain that nobody here started
 */

#include "hostd/helper/end-domain.h"

#include <inttypes.h>

#include "common/base/parse.h"
#include "common/daemon/log.h"

enum { ARGUMENT_SIM_DIR = 2, ARGUMENT_UUID, ARGUMENT_DOMID, N_ARGUMENTS };

int end_domain_main(int argc, char **argv, DomainEnder end_xen, DomainEnder end_simulated) {
        _cleanup_free_ char *why = NULL;
        EndDomain d = {};
        int r;

        if (argc != N_ARGUMENTS || uuid_from_string(argv[ARGUMENT_UUID], &d.uuid) < 0 ||
                parse_u32(argv[ARGUMENT_DOMID], &d.domid) < 0 || d.domid == 0) {
                log_error("The arguments of the program that ends a domain cannot be used.");
                return EXIT_FAILURE;
        }
        d.sim_dir = argv[ARGUMENT_SIM_DIR];
        r = (isempty(d.sim_dir) ? end_xen : end_simulated)(&d, &why);
        if (r < 0)
                log_error("Domain %" PRIu32 " (%s) could not be destroyed: %s.", d.domid, UUID_TEXT(&d.uuid),
                        isempty(why) ? strerror(-r) : why);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
