/*
 * Whether only root can write a file
 *
 * A link itself is checked first, since its owner decides where it leads; then realpath() follows it.
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "common/io/file-trust.h"

/* 1: it exists, and only root can write it. 0: it does not exist, or *ret says who else can write it. */
static int look(const char *path, char **ret) {
        struct stat st;
        bool shared_folder;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (st.st_uid != 0)
                return text_refuse(ret, 0, "%s belongs to user %u", path, st.st_uid);
        if (S_ISLNK(st.st_mode))
                return 1;
        shared_folder = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX);
        if ((st.st_mode & S_IWOTH) && !shared_folder)
                return text_refuse(
                        ret, 0, "%s can be written by everybody (its mode is %04o)", path, st.st_mode & 07777);
        if ((st.st_mode & S_IWGRP) && st.st_gid != 0 && !shared_folder)
                return text_refuse(ret, 0, "%s can be written by group %u", path, st.st_gid);
        return 1;
}

static int look_down(const char *path, char **ret) {
        _cleanup_free_ char *part = strdup(path);
        int r = 1;

        if (!part)
                return -ENOMEM;
        for (size_t i = 1; r == 1; i++) {
                char mark = part[i];

                if (mark != '/' && mark != '\0')
                        continue;
                part[i] = '\0';
                r = look(part, ret);
                part[i] = mark;
                if (mark == '\0')
                        break;
        }
        return MIN_OF(r, 0);
}

int file_trust_fault(const char *path, char **ret) {
        _cleanup_free_ char *real = NULL;
        int r;

        *ret = NULL;
        if (path[0] != '/')
                return -EINVAL;
        r = look_down(path, ret);
        if (r < 0 || *ret)
                return r;
        real = realpath(path, NULL);
        if (!real)
                return errno == ENOENT ? 0 : -errno;
        return streq(real, path) ? 0 : look_down(real, ret);
}
