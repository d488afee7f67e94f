/*
 * A tool: a program beside hostd that is of no VM
 */

#include "common/daemon/log.h"
#include "hostd/service/host-internal.h"
#include "hostd/service/tool.h"
#include "hostd/vm/vm.h"

struct Tool {
        Hostd *host;
        UnitCall *start;
        ProcessWatch *watch;
        ToolEnded ended;
        void *userdata;
};

Tool *tool_forget(Tool *t) {
        if (!t)
                return NULL;
        (void) t->host->vm_context.programs.ops->unwatch(t->watch);
        if (t->start)
                (void) t->host->vm_context.units.ops->forget(t->start);
        free(t);
        return NULL;
}

static void on_started(int result, const ProcessId *process, void *userdata);

int tool_run(Hostd *h, const UnitTool *what, const char *const *argv, ToolEnded ended, void *userdata, Tool **ret) {
        Units *units = &h->vm_context.units;
        Tool *t;
        int r;

        if (!units->ops->start_tool)
                return -ENOSYS;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        *t = (Tool){.host = h, .ended = ended, .userdata = userdata};
        r = units->ops->start_tool(units, what, argv, on_started, t, &t->start);
        if (r < 0) {
                free(t);
                return r;
        }
        *ret = t;
        return 0;
}

static void on_ended(int status, void *userdata) {
        Tool *t = userdata;
        ToolEnded ended = t->ended;
        void *whose = t->userdata;

        (void) tool_forget(t);
        ended(whose);
}

static void on_started(int result, const ProcessId *process, void *userdata) {
        Tool *t = userdata;
        Programs *p = &t->host->vm_context.programs;

        t->start = NULL;
        if (result < 0)
                log_error("%s cannot be executed: %s.", t->host->settings->domain_program, strerror(-result));
        if (result < 0 || p->ops->watch(p, process, on_ended, t, &t->watch) < 0)
                on_ended(-1, t);
}
