/*
 * Bounded reads and whole writes
 *
 * A write goes to a temporary file beside the target, so that a reader sees the old bytes or the new ones
 * and never a part. The temporary name starts with "." and ends with random letters: a reader of the folder
 * skips it, and a crash leaves at most one such file per attempt.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/base/strbuf.h"

#define LINE_MAX_BYTES 4096
#define READ_CHUNK 4096

static char *trim_line(char *text) {
        char *end = strchrnul(text, '\n');

        while (end > text && strchr(" \t\r\n", end[-1]))
                end--;
        *end = '\0';
        return text + strspn(text, " \t\r");
}

/* Reads to the end or to max + 1 bytes; sysfs and /proc report no sizes, so the size is not used. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        size_t size = 0, room = 0;

        for (;;) {
                ssize_t n;

                if (size == room) {
                        char *bigger;

                        room = MIN_OF(room ? room * 2 : (size_t) READ_CHUNK, max + 1);
                        bigger = realloc(data, room + 1);
                        if (!bigger)
                                return -ENOMEM;
                        data = bigger;
                }

                n = read(fd, data + size, room - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > max)
                        return -EFBIG;
        }

        data[size] = '\0';
        *ret = take_ptr(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        /* O_NONBLOCK: a FIFO put in the file's place must not hang the caller. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
                return -EINVAL;

        return file_read_fd(fd, MIN_OF(max, SIZE_MAX / 4), ret, ret_size);
}

int file_read_line(const char *path, char **ret) {
        _cleanup_free_ char *text = NULL;
        char *line;
        int r;

        r = file_read(path, LINE_MAX_BYTES, &text, NULL);
        if (r < 0)
                return r;

        line = strdup(trim_line(text));
        if (!line)
                return -ENOMEM;

        *ret = line;
        return 0;
}

int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

/* "folder/name" becomes "folder/.name.XXXXXX". */
static char *temporary_name(const char *path) {
        const char *slash = strrchr(path, '/');
        size_t head = slash ? (size_t) (slash - path) + 1 : 0;
        _cleanup_strbuf_ StrBuf name = {};

        strbuf_add_n(&name, path, head);
        strbuf_addf(&name, ".%s.XXXXXX", path + head);
        return strbuf_take(&name);
}

int file_write_atomic(const char *path, const char *data, size_t size, unsigned mode) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        temporary = temporary_name(path);
        if (!temporary)
                return -ENOMEM;
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;

        r = write_all(fd, data, size);
        if (r >= 0 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                unlink(temporary);
        return r;
}

static int make_folder(const char *path, unsigned mode) {
        struct stat st;

        if (mkdir(path, mode) == 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (stat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int mkdir_parents(const char *path, unsigned mode) {
        _cleanup_free_ char *copy = NULL;

        copy = strdup(path);
        if (!copy)
                return -ENOMEM;

        for (char *slash = strchr(copy + (*copy == '/'), '/'); slash; slash = strchr(slash + 1, '/')) {
                int r;

                *slash = '\0';
                r = *copy ? make_folder(copy, mode) : 0;
                *slash = '/';
                if (r < 0)
                        return r;
        }

        return make_folder(path, mode);
}

static int remove_entry(int folder_fd, const char *name);

static int remove_content(int folder_fd, const char *name) {
        DIR *folder;
        int fd, r = 0;

        fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        folder = fdopendir(fd);
        if (!folder) {
                safe_close(fd);
                return -errno;
        }

        for (struct dirent *e; r >= 0 && (e = readdir(folder));)
                if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
                        r = remove_entry(dirfd(folder), e->d_name);
        closedir(folder);
        return r;
}

static int remove_entry(int folder_fd, const char *name) {
        int r;

        if (unlinkat(folder_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR)
                return -errno;

        r = remove_content(folder_fd, name);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (unlinkat(folder_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

int remove_tree(const char *path) {
        return remove_entry(AT_FDCWD, path);
}

int folder_list(const char *path, char ***ret) {
        _cleanup_strlist_ StrList names = {};
        struct dirent *entry;
        DIR *folder;

        folder = opendir(path);
        if (!folder)
                return -errno;
        while ((entry = readdir(folder)))
                if (*entry->d_name != '.')
                        strlist_add(&names, entry->d_name);
        closedir(folder);
        return strlist_take(&names, ret);
}

char *path_join(const char *a, const char *b) {
        size_t n = strlen(a);
        _cleanup_strbuf_ StrBuf path = {};

        while (n > 1 && a[n - 1] == '/')
                n--;
        while (*b == '/')
                b++;
        strbuf_add_n(&path, a, n);
        if (n > 0 && a[n - 1] != '/')
                strbuf_add(&path, "/");
        strbuf_add(&path, b);
        return strbuf_take(&path);
}
