/*
 * A tool: a program beside hostd that is of no VM
 */

#include "common/base/strlist.h"
#include "common/daemon/log.h"
#include "hostd/service/host-internal.h"
#include "hostd/service/tool.h"
#include "hostd/vm/vm.h"

#define PAUSE (500 * UINT64_C(1000)) /* µs, until a unit that ended is gone */

struct Tool {
        Hostd *host;
        const char *template;
        char *instance, *description, **argv;
        UnitCall *start;
        ProcessWatch *watch;
        LoopTimer *again;
        bool was_another; /* what is watched has other arguments */
        ToolEnded ended;
        void *userdata;
};

Tool *tool_forget(Tool *t) {
        if (!t)
                return NULL;
        (void) t->host->vm_context.programs.ops->unwatch(t->watch);
        if (t->start)
                (void) t->host->vm_context.units.ops->forget(t->start);
        loop_timer_free(t->again);
        strv_free(t->argv);
        free(t->instance);
        free(t->description);
        free(t);
        return NULL;
}
DEFINE_CLEANUP(Tool *, tool_forget)

static void on_started(int result, const ProcessId *process, void *userdata);

static int start(Tool *t) {
        Units *units = &t->host->vm_context.units;
        const UnitTool what = {t->template, t->instance, t->description};

        return units->ops->start_tool(units, &what, (const char *const *) t->argv, on_started, t, &t->start);
}

int tool_run(Hostd *h, const UnitTool *what, const char *const *argv, ToolEnded ended, void *userdata, Tool **ret) {
        _cleanup_(tool_forgetp) Tool *t = NULL;
        int r;

        if (!h->vm_context.units.ops->start_tool)
                return -ENOSYS;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        *t = (Tool){.host = h, .template = what->template, .ended = ended, .userdata = userdata};
        t->instance = strdup(what->instance);
        t->description = strdup(what->description);
        if (!t->instance || !t->description || strv_copy((char *const *) argv, &t->argv) < 0)
                return -ENOMEM;
        r = start(t);
        if (r < 0)
                return r;
        *ret = take_ptr(t);
        return 0;
}

static void finish(Tool *t) {
        ToolEnded ended = t->ended;
        void *whose = t->userdata;

        (void) tool_forget(t);
        ended(whose);
}

static void on_again(void *userdata) {
        Tool *t = userdata;

        t->was_another = false;
        if (start(t) < 0)
                finish(t);
}

static void on_ended(int status, void *userdata) {
        Tool *t = userdata;

        t->watch = t->host->vm_context.programs.ops->unwatch(t->watch);
        if (!t->was_another || loop_call_in(t->host->loop, &t->again, PAUSE, on_again, t) < 0)
                finish(t);
}

static void on_started(int result, const ProcessId *process, void *userdata) {
        Tool *t = userdata;
        Programs *p = &t->host->vm_context.programs;

        t->start = NULL;
        t->was_another = result > 0;
        if (result < 0)
                log_error("%s cannot be executed: %s.", t->argv[0], strerror(-result));
        if (result < 0 || p->ops->watch(p, process, on_ended, t, &t->watch) < 0)
                on_ended(-1, t);
}
