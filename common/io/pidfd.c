/*
 * Processes that are not our children
 *
 * A pidfd always refers to the same process. The start time is compared after the pidfd was opened, so that
 * no other process can have the pid between the check and the signal.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "common/io/file.h"
#include "common/io/pidfd.h"
#include "common/base/parse.h"

#define STAT_MAX_BYTES 4096
#define STAT_FIELD_STATE 3
#define STAT_FIELD_START_TIME 22

/* The command name (field 2) may hold blanks and parentheses; what follows its last ")" is regular. */
int process_stat_parse(char *text, char *ret_state, uint64_t *ret_start_time) {
        char *p = strrchr(text, ')'), *state = NULL, *save = NULL;

        if (!p)
                return -EBADMSG;

        p = strtok_r(p + 1, " \n", &save);
        for (unsigned field = STAT_FIELD_STATE; p; field++, p = strtok_r(NULL, " \n", &save)) {
                if (field == STAT_FIELD_STATE)
                        state = p;
                if (field != STAT_FIELD_START_TIME)
                        continue;
                if (parse_u64(p, ret_start_time) < 0)
                        return -EBADMSG;
                *ret_state = *state;
                return 0;
        }

        return -EBADMSG;
}

static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start_time) {
        _cleanup_free_ char *text = NULL;
        char path[32];
        int r;

        if (pid <= 0)
                return -ESRCH;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        r = file_read(path, STAT_MAX_BYTES, &text, NULL);
        if (r == -ENOENT)
                return -ESRCH;
        if (r < 0)
                return r;

        return process_stat_parse(text, ret_state, ret_start_time);
}

int process_id_of(pid_t pid, ProcessId *ret) {
        uint64_t start_time;
        char state;
        int r;

        r = read_stat(pid, &state, &start_time);
        if (r < 0)
                return r;

        *ret = (ProcessId){ .pid = pid, .start_time = start_time };
        return 0;
}

bool process_is_alive(const ProcessId *p) {
        uint64_t start_time;
        char state;

        if (read_stat(p->pid, &state, &start_time) < 0)
                return false;
        return start_time == p->start_time && state != 'Z' && state != 'X';
}

int process_open(const ProcessId *p) {
        _cleanup_close_ int fd = -1;

        if (p->pid <= 0)
                return -ESRCH;

        fd = (int) syscall(SYS_pidfd_open, p->pid, 0);
        if (fd < 0)
                return errno == EINVAL ? -ESRCH : -errno;
        if (!process_is_alive(p))
                return -ESRCH;

        return take_fd(fd);
}

int process_signal(const ProcessId *p, int signo) {
        _cleanup_close_ int fd = -1;

        fd = process_open(p);
        if (fd < 0)
                return fd;
        if (syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) < 0)
                return -errno;
        return 0;
}
