/*
 * Backups
 *
 * policyd writes into our descriptor. A file appears under its name when it is whole and on disk, and not
 * before; the standard output, which may be a pipe to another machine, gets it as it comes.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json/json-get.h"
#include "common/json/json-write.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

#define BACKUP_TIMEOUT_MS (60 * 60 * 1000)

static int write_into(Ctl *ctl, int fd, uint64_t *ret_bytes) {
        _cleanup_client_error_ ClientError error = {};
        _cleanup_json_ struct json_object *bytes = NULL;
        int r;

        client_set_timeout(ctl->client, BACKUP_TIMEOUT_MS);
        r = client_call(ctl->client, POLICY_PATH, POLICY_IFACE_MANAGER, "Backup", &error, &bytes, "hV", fd,
                (ClientOption[1]){});
        if (r == -EOPNOTSUPP) {
                return ctl_say_error("org.xenvgpu.Error.NotSupported",
                        "Through --host no file can be handed over. Run it on the master: ssh USER@MASTER xenvgpu pool-backup - >FILE");
        }
        if (r < 0)
                return ctl_failed(r, &error);
        *ret_bytes = json_object_get_uint64(bytes);
        return 0;
}

static int failed(const char *what, const char *path, int error) {
        _cleanup_free_ char *sentence = NULL;

        if (asprintf(&sentence, "Cannot %s '%s': %s.", what, path, strerror(error)) < 0)
                return ctl_no_memory();
        return ctl_say_code("IO_ERROR", "org.freedesktop.DBus.Error.IOError", sentence);
}

static int sync_folder_of(const char *path) {
        _cleanup_free_ char *folder = strdup(path);
        _cleanup_close_ int fd = -1;
        char *slash = folder ? strrchr(folder, '/') : NULL;

        if (!folder)
                return -ENOMEM;
        if (slash)
                slash[slash == folder ? 1 : 0] = '\0';
        fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Under its own name once it is whole. */
static int put_in_place(int fd, const char *temporary, const char *path, uint64_t bytes) {
        struct stat st;

        if (fstat(fd, &st) < 0 || fsync(fd) < 0)
                return failed("write", path, errno);
        if ((uint64_t) st.st_size != bytes)
                return failed("write", path, EIO);
        if (rename(temporary, path) < 0)
                return failed("make", path, errno);
        return sync_folder_of(path) < 0 ? failed("sync the folder of", path, errno) : 0;
}

static int backup_to_file(Ctl *ctl, const char *path, uint64_t *ret_bytes) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
                temporary = NULL;
                return ctl_no_memory();
        }
        fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
        if (fd < 0)
                return failed("make", path, errno);
        r = write_into(ctl, fd, ret_bytes);
        if (r == 0)
                r = put_in_place(fd, temporary, path, *ret_bytes);
        if (r != 0)
                (void) unlink(temporary);
        return r;
}

static int print_bytes(const Ctl *ctl, const char *path, uint64_t bytes) {
        _cleanup_strbuf_ StrBuf b = {};

        if (ctl->args.json) {
                json_write_open(&b, NULL, '{');
                json_write_string(&b, "file", path);
                json_write_u64(&b, "bytes", bytes);
                json_write_close(&b, '}');
                return ctl_print_written(&b);
        }
        if (!ctl->args.minimal)
                printf("%s: ", path);
        printf("%" PRIu64 "%s\n", bytes, ctl->args.minimal ? "" : " bytes");
        return EXIT_DONE;
}

int verb_pool_backup(Ctl *ctl) {
        const char *path = ctl_arg(ctl, "filename") ?: ctl_arg(ctl, "file-name");
        uint64_t bytes;
        int r;

        if (!streq(path, "-")) {
                r = backup_to_file(ctl, path, &bytes);
                return r != 0 ? r : print_bytes(ctl, path, bytes);
        }
        if (isatty(STDOUT_FILENO))
                return ctl_usage("pool-backup - writes the backup to standard output; send that to a file or a pipe");
        r = write_into(ctl, STDOUT_FILENO, &bytes);
        if (r == 0)
                fprintf(stderr, "%" PRIu64 " bytes\n", bytes);
        return r;
}
