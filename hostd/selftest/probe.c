/*
 * Asking the machine: programs and modules
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/strbuf.h"
#include "common/base/text.h"
#include "common/io/file.h"
#include "common/io/command.h"
#include "hostd/selftest/probe.h"

#define PATIENCE_MS 5000
#define OUTPUT_MAX (64u << 10)
#define MODULE_LIST_MAX (16u << 20)

/* A folder may be executed too, in its way. */
static bool is_program(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *probe_find_program(const char *name, const char *path) {
        if (strchr(name, '/'))
                return is_program(name) ? strdup(name) : NULL;

        for (;;) {
                size_t n = strcspn(path, ":");
                _cleanup_free_ char *folder = strndup(path, n), *candidate = NULL;

                candidate = folder ? path_join(folder, name) : NULL;
                if (!candidate)
                        return NULL;
                if (n > 0 && is_program(candidate))
                        return take_ptr(candidate);
                if (!path[n])
                        return NULL;
                path += n + 1;
        }
}

static int64_t now_ms(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the other end is closed by all who have it. -ETIMEDOUT. */
static int read_all(int fd, StrBuf *output) {
        int64_t deadline = now_ms() + PATIENCE_MS;
        char bytes[4096];

        for (;;) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                int64_t left = deadline - now_ms();
                ssize_t n;

                if (left <= 0 || poll(&p, 1, (int) left) == 0)
                        return -ETIMEDOUT;
                n = read(fd, bytes, sizeof(bytes));
                if (n == 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0 && output->len < OUTPUT_MAX)
                        strbuf_add_n(output, bytes, (size_t) n);
        }
}

int probe_run(const char *const *argv, char **ret_output) {
        _cleanup_strbuf_ StrBuf output = {};
        _cleanup_close_ int ours = -1;
        int fds[2], r, status = 0;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        ours = fds[0];
        r = command_start(NULL, argv, /* input= */ -1, fds[1], fds[1], &pid);
        (void) close(fds[1]);
        if (r < 0)
                return r;

        r = read_all(ours, &output);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        if (waitpid(pid, &status, 0) != pid)
                return -errno;
        if (r < 0)
                return r;
        if (!WIFEXITED(status))
                return -EIO;

        if (ret_output) {
                *ret_output = strbuf_take(&output);
                if (!*ret_output)
                        return -ENOMEM;
        }
        return WEXITSTATUS(status);
}

static bool list_names(const char *release, const char *list, const char *file) {
        _cleanup_free_ char *path = text_printf("/lib/modules/%s/%s", release, list), *text = NULL;

        return path && file_read(path, MODULE_LIST_MAX, &text, NULL) >= 0 && strstr(text, file);
}

bool probe_module_exists(const char *name) {
        _cleanup_free_ char *file = text_printf("/%s.ko", name);
        struct utsname uts;

        if (!file || uname(&uts) < 0)
                return false;
        return list_names(uts.release, "modules.dep", file) ||
               list_names(uts.release, "modules.builtin", file);
}
