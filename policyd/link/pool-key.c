/*
 * The key with which policyd logs in to hosts
 */

#include <sys/wait.h>

#include "common/base/text.h"
#include "common/io/command.h"
#include "common/io/file.h"
#include "policyd/link/pool-key.h"

#define MAKING_USEC UINT64_C(20000000)

char *pool_key_file(const char *folder) {
        return path_join(folder, "id_ed25519");
}

static int make_key(const char *folder, const char *file) {
        const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file, NULL};
        int r, status;

        if (access(file, F_OK) == 0)
                return -EEXIST;
        r = mkdir_parents(folder, 0700);
        r = r < 0 ? r : command_run(argv, MAKING_USEC, &status);
        if (r < 0)
                return r;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int pool_key_read(const char *folder, char **ret) {
        _cleanup_free_ char *file = pool_key_file(folder), *public = NULL;
        int r;

        public = file ? text_printf("%s.pub", file) : NULL;
        if (!public)
                return -ENOMEM;
        r = file_read_line(public, ret);
        if (r != -ENOENT)
                return r;
        r = make_key(folder, file);
        return r < 0 ? r : file_read_line(public, ret);
}
