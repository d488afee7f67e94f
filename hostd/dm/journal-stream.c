/*
 * A stream into the journal
 *
 * The protocol of /run/systemd/journal/stdout, as sd_journal_stream_fd(3) speaks it: identifier, unit,
 * priority, whether lines carry priorities, and three places to forward to, a line each. It is written here
 * because this program becomes qemu and needs nothing else of libsystemd.
 */

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include "common/base/macros.h"
#include "hostd/dm/journal-stream.h"

int journal_stream_open(const char *identifier) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/stdout" };
        _cleanup_close_ int fd = -1;

        if (!getenv("JOURNAL_STREAM"))
                return -ENOENT;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || shutdown(fd, SHUT_RD) < 0)
                return -errno;
        if (dprintf(fd, "%s\n\n%d\n0\n0\n0\n0\n", identifier, LOG_INFO) < 0)
                return -EIO;
        return take_fd(fd);
}
