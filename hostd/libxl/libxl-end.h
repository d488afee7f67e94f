#pragma once

/*
 * Destroying a domain of libxl's that nobody here started
 */

#include "hostd/helper/end-domain.h"

int libxl_end_domain(const EndDomain *d, char **ret_why);
