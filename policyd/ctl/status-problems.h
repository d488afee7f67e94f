#pragma once

/*
 * The problems of VMs and hosts, for `status`: VMs first, since theirs are the worst
 */

#include <stdio.h>

#include "common/base/strbuf.h"
#include "policyd/ctl/view/view.h"

/* [{"class":"vm","uuid":…,"name-label":…,"problem":…}…] as the member "problems" */
void status_write_problems(StrBuf *b, View *v);
/* That member's value, a line each: "VM desk-1: It runs on host …" */
void status_print_problems(FILE *out, struct json_object *problems);
