/*
 * xenvgpu-lab-xenstored: a small xenstore server for machines without Xen
 *
 * Usage: xenvgpu-lab-xenstored SOCKET. Speaks xenstored's wire protocol, so that libxenstore works with
 * XENSTORED_PATH=SOCKET. Prints "ready" once it listens; SIGTERM or SIGINT end it, and the socket is removed.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "tests/lab/xenstored/server.h"

static int open_stop_signals(int *ret) {
        sigset_t mask;
        int fd;

        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        fd = signalfd(-1, &mask, SFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

int main(int argc, char **argv) {
        _cleanup_close_ int listen_fd = -1, stop_fd = -1;
        int r;

        if (argc != 2 || argv[1][0] == '-') {
                fprintf(stderr, "Usage: xenvgpu-lab-xenstored SOCKET\n");
                return 2;
        }

        r = open_stop_signals(&stop_fd);
        if (r >= 0)
                r = server_listen(argv[1], &listen_fd);
        if (r < 0) {
                fprintf(stderr, "xenvgpu-lab-xenstored: cannot listen on %s: %s\n", argv[1], strerror(-r));
                return 1;
        }
        (void) printf("ready\n");
        (void) fflush(stdout);

        r = server_run(listen_fd, stop_fd);
        (void) unlink(argv[1]);
        return r < 0 ? 1 : 0;
}
