/*
 * Backups: a copy that says that it is one
 *
 * The database is copied as it is, and the time is written into the pool's record in the copy. By that mark a
 * policyd that starts with the copy knows that the pool may have changed since. The copy is made in an
 * unnamed file beside the database and then written to the reader. If the reader is slow, only the process
 * that this runs in waits.
 */

#include "policyd/store/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/lmdb/copy.h"
#include "policyd/store/internal.h"

#define CHUNK (64 << 10)

static int mark(const void *data, size_t size, char **ret_text, void *userdata) {
        const uint64_t *now = userdata;
        StoreMeta meta = {};
        uint32_t schema;
        int r;

        r = store_parse_meta(data, size, &schema, &meta, NULL);
        if (r < 0)
                return r;
        meta.backup = MAX_OF(*now, UINT64_C(1)); /* 0 would mean: no backup */
        return store_meta_build(&meta, ret_text);
}

/* Nameless: a process that is killed leaves nothing behind. */
static int open_unnamed(const char *dir) {
        _cleanup_free_ char *path = NULL;
        int fd;

        fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
                return fd < 0 ? -errno : fd;
        if (asprintf(&path, "%s/backup.XXXXXX", dir) < 0)
                return -ENOMEM;
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        (void) unlink(path);
        return fd;
}

static int pass_on(int from, int to, void (*progress)(void), uint64_t *ret_bytes) {
        char bytes[CHUNK];
        off_t at = 0;
        ssize_t n;
        int r;

        while ((n = pread(from, bytes, sizeof(bytes), at)) != 0) {
                if (n < 0)
                        return -errno;
                progress();
                r = write_all(to, bytes, (size_t) n);
                if (r < 0)
                        return r;
                at += n;
        }
        *ret_bytes = (uint64_t) at;
        return 0;
}

int store_backup(const char *dir, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes) {
        const DbEdit edit = {
                .table = store_table_names[STORE_META], .key = "pool", .key_size = 4, .edit = mark, .userdata = &now};
        _cleanup_close_ int copy = -1;
        int r;

        copy = open_unnamed(dir);
        if (copy < 0)
                return copy;
        r = db_copy(dir, copy, &edit);
        return r < 0 ? r : pass_on(copy, fd, progress, ret_bytes);
}
