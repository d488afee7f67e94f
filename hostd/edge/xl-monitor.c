/*
 * The process of xl that watches over a domain
 *
 * Processes come and go while we look: what cannot be read is another's, or is gone.
 */

#include <limits.h>
#include <unistd.h>

#include "common/base/macros.h"
#include "common/base/parse.h"
#include "common/base/strlist.h"
#include "common/base/text.h"
#include "common/io/file.h"
#include "hostd/edge/xl-monitor.h"

static int is_xl(const char *proc, const char *pid) {
        _cleanup_free_ char *path = text_printf("%s/%s/comm", proc, pid), *comm = NULL;

        if (!path)
                return -ENOMEM;
        return file_read_line(path, &comm) >= 0 && streq(comm, "xl");
}

/* A new log of the same name moves the old one to "….log.1". */
static int writes_log(const char *proc, const char *pid, const char *log) {
        _cleanup_free_ char *path = text_printf("%s/%s/fd/1", proc, pid);
        char target[PATH_MAX];
        const char *name;
        ssize_t n;

        if (!path)
                return -ENOMEM;
        n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
                return 0;
        target[n] = '\0';
        name = strrchr(target, '/');
        return name && streq(name + 1, log);
}

int xl_monitor_find(const char *proc, const char *domain, pid_t *ret) {
        _cleanup_free_ char *log = text_printf("xl-%s.log", domain);
        _cleanup_(strv_freep) char **pids = NULL;
        int r;

        if (!log)
                return -ENOMEM;
        r = folder_list(proc, &pids);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = 0;
        for (char **pid = pids; r == 0 && *pid; pid++) {
                uint32_t number;

                if (parse_u32(*pid, &number) < 0)
                        continue;
                r = is_xl(proc, *pid);
                r = r > 0 ? writes_log(proc, *pid, log) : r;
                if (r > 0)
                        *ret = (pid_t) number;
        }
        return r;
}
