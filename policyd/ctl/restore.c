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
#include "common/json/json-get.h"
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

/* As root, on the master; %s is the file. */
static const char *const steps[] = {
        "systemctl stop xenvgpu-policyd",
        "cp -a /var/lib/xenvgpu-policyd /var/lib/xenvgpu-policyd.before",
        "rm -f /var/lib/xenvgpu-policyd/lock.mdb",
        NULL, /* the file takes its place */
        "systemctl start xenvgpu-policyd",
        "xenvgpu status",
};

static char *step_nth(size_t i, const char *path) {
        return steps[i] ? strdup(steps[i]) : text_printf("install -o xenvgpu -g xenvgpu -m 0600 '%s' /var/lib/xenvgpu-policyd/data.mdb", path);
}

static void print_steps(FILE *out, const char *path) {
        fputs("As root on the master (man xenvgpu-policyd, BACKUPS AND OLD COPIES):\n", out);
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                _cleanup_free_ char *step = step_nth(i, path);

                fprintf(out, "  %s\n", strempty(step));
        }
        fputs("Guests run on. VMs that were started since the backup are found again as their hosts are heard; until then\n"
              "VMs of the backup do not start, and status names the hosts that are waited for.\n",
                out);
}

static int print_steps_as_json(const char *path) {
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        struct json_object *list = json_object_new_array();
        int r = answer && list ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++) {
                _cleanup_free_ char *step = step_nth(i, path);

                r = step ? json_object_array_add(list, json_object_new_string(step)) : -ENOMEM;
        }
        r = r ?: json_add_string(answer, "file", path) ?: json_add_bool(answer, "restorable", true);
        if (r == 0)
                r = json_add(answer, "steps", take_ptr(list));
        json_object_put(list);
        return r < 0 || print_json(stdout, answer) < 0 ? ctl_no_memory() : EXIT_DONE;
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
        if (dry_run && ctl->args.json)
                return print_steps_as_json(path);
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
