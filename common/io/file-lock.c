/*
 * A lock between processes
 */

#include <fcntl.h>
#include <sys/file.h>

#include "common/io/file-lock.h"
#include "common/base/macros.h"

static int lock(const char *path, int operation, int *ret_fd) {
        _cleanup_close_ int fd = -1;

        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        while (flock(fd, operation) < 0)
                if (errno != EINTR)
                        return errno == EWOULDBLOCK ? -EBUSY : -errno;
        *ret_fd = take_fd(fd);
        return 0;
}

int file_lock(const char *path, int *ret_fd) {
        return lock(path, LOCK_EX, ret_fd);
}

int file_lock_try(const char *path, int *ret_fd) {
        return lock(path, LOCK_EX | LOCK_NB, ret_fd);
}

int file_unlock(int fd) {
        if (fd >= 0)
                (void) flock(fd, LOCK_UN);
        return safe_close(fd);
}
