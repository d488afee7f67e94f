#pragma once

/*
 * The problems of VMs and hosts, for `status`: VMs first, since theirs are the worst
 */

#include <stdio.h>

#include "common/base/strbuf.h"
#include "policyd/ctl/view/view.h"

int status_print_problems(FILE *out, View *v); /* a line each: "VM desk-1: It runs on host …" */
/* [{"class":"vm","uuid":…,"name-label":…,"problem":…}…] as the member "problems" */
void status_write_problems(StrBuf *b, View *v);
