/*
 * pool-restore-database: what a restored database would be, and how it is restored
 *
 * policyd owns its database while it runs, and a command line may speak to it from another machine. So nothing is replaced here: the
 * file is looked at as policyd would (`xenvgpu-policyd --check`), and the steps for who is root on the master are printed. It asks
 * nothing of policyd, which may be down.
 */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/io/command.h"
#include "policyd/ctl/verbs.h"

/* Beside this program, installed or built. */
static char *find_policyd(void) {
        static const char *const places[] = { "../libexec/xenvgpu/xenvgpu-policyd", "../xenvgpu-policyd" };
        char self[PATH_MAX] = {}, *slash, *path, *found;

        if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || !(slash = strrchr(self, '/')))
                return NULL;
        *slash = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                if (asprintf(&path, "%s/%s", self, places[i]) < 0)
                        return NULL;
                found = access(path, X_OK) == 0 ? realpath(path, NULL) : NULL;
                free(path);
                if (found)
                        return found;
        }
        return NULL;
}

static bool ends_well(const char *const *argv) {
        _cleanup_close_ int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        int status = -1;
        pid_t pid;

        return command_start(NULL, argv, -1, nowhere, nowhere, &pid) >= 0 &&
               command_await(pid, /* timeout= */ 0, &status) >= 0 && status == 0;
}

/* 0, or the exit status. */
static int look_at(const char *path) {
        _cleanup_free_ char *policyd = find_policyd(), *sentence = NULL;
        const char *const argv[] = { policyd, "--check", path, NULL };

        if (!policyd)
                return ctl_say_error("org.xenvgpu.Error.NotSupported",
                        "xenvgpu-policyd is not installed here, and it is what looks at a database. Run this on the master.");
        if (ends_well(argv))
                return 0;
        if (asprintf(&sentence, "The file '%s' is no database that policyd would start with. %s --check '%s' says why.", path,
                    policyd, path) < 0)
                return ctl_no_memory();
        return ctl_say_error("org.xenvgpu.Error.InvalidRecord", sentence);
}

static void print_steps(FILE *out, const char *path) {
        fprintf(out,
                "As root on the master (man xenvgpu-policyd, BACKUPS AND OLD COPIES):\n"
                "  systemctl stop xenvgpu-policyd\n"
                "  cp -a /var/lib/xenvgpu-policyd /var/lib/xenvgpu-policyd.before\n"
                "  rm -f /var/lib/xenvgpu-policyd/lock.mdb\n"
                "  install -o xenvgpu -g xenvgpu -m 0600 '%s' /var/lib/xenvgpu-policyd/data.mdb\n"
                "  systemctl start xenvgpu-policyd\n"
                "  xenvgpu status\n"
                "Guests run on. VMs that were started since the backup are found again as their hosts are heard; until then\n"
                "VMs of the backup do not start, and status names the hosts that are waited for.\n",
                path);
}

int verb_pool_restore(Ctl *ctl) {
        _cleanup_free_ char *path = realpath(ctl_arg(ctl, "file-name"), NULL);
        bool dry_run;
        int r;

        r = ctl_flag(ctl, "dry-run", &dry_run);
        if (r != 0)
                return r;
        if (!path)
                return ctl_usage("file-name=%s: %s", ctl_arg(ctl, "file-name"), strerror(errno));
        /* The steps are for root to paste. */
        if (strchr(path, '\'') || !text_is_good(path, strlen(path), TEXT_LINE))
                return ctl_usage("file-name: the steps cannot name a path with a quote or a control character; copy the file to another");
        r = look_at(path);
        if (r != 0)
                return r;
        if (dry_run) {
                printf("'%s' can be restored.\n", path);
                print_steps(stdout, path);
                return EXIT_DONE;
        }
        r = ctl_say_error("org.xenvgpu.Error.NotSupported",
                "policyd owns its database while it runs, so it is not replaced from here; these steps do it, and dry-run=true only "
                "shows them.");
        print_steps(stderr, path);
        return r;
}
