#pragma once

/*
 * Files of xl(1) as configs of VMs. 0, or the exit status with the error printed.
 */

#include "policyd/ctl/ctl.h"

bool xl_file_looks_so(const char *text); /* it is no JSON */
int xl_file_read(const char *text, size_t size, struct json_object **ret);
/* An exported VM's config; its VGPUs are comments. */
int xl_file_write(const char *filename_or_null, struct json_object *record);
