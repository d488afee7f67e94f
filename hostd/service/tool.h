#pragma once

/*
 * A tool: a program beside hostd that is of no VM, started as those of VMs are
 *
 * hostd itself may not write to sysfs, waits for nothing, and may be restarted: what takes long, or touches the machine, is a process
 * of its own, which goes on without hostd.
 */

#include "hostd/service/host.h"
#include "hostd/vm/units.h"

typedef struct Tool Tool;
/* It has ended, or could not be started, which was logged: what came of it, what it works on tells. The tool is gone then. */
typedef void (*ToolEnded)(void *userdata);

/*
 * -ENOSYS: this host starts none. While one of the same name runs, which an earlier hostd may have started for something else, or its
 * unit is not gone yet, this one waits and then runs.
 */
int tool_run(Hostd *h, const UnitTool *what, const char *const *argv, ToolEnded ended, void *userdata, Tool **ret);
/* ended() is not called any more; the program goes on. NULL is fine. */
Tool *tool_forget(Tool *t);
