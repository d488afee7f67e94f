/*
 * What `down` leaves: the logs
 *
 * lab.json goes first: from then on the folder is no lab, whatever happens on the way.
 */

#include <dirent.h>

#include "common/io/file.h"
#include "tests/lab/leftovers.h"

#define MARK "down"

/* Everything in the folder but one entry. */
static int empty_but(const char *folder, const char *kept) {
        DIR *d = opendir(folder);
        struct dirent *entry;
        int r = 0;

        if (!d)
                return errno == ENOENT ? 0 : -errno;
        while (r >= 0 && (entry = readdir(d))) {
                _cleanup_free_ char *path = NULL;

                if (streq(entry->d_name, ".") || streq(entry->d_name, "..") || streq(entry->d_name, kept))
                        continue;
                path = path_join(folder, entry->d_name);
                r = path ? remove_tree(path) : -ENOMEM;
        }
        closedir(d);
        return r;
}

static int remove_in(const char *folder, const char *name) {
        _cleanup_free_ char *path = path_join(folder, name);

        return path ? remove_tree(path) : -ENOMEM;
}

/* What stands at the top of DIR beside policyd/ and hosts/: the master's bus. */
static int empty_top(const char *folder) {
        DIR *d = opendir(folder);
        struct dirent *entry;
        int r = 0;

        if (!d)
                return -errno;
        while (r >= 0 && (entry = readdir(d)))
                if (startswith(entry->d_name, "master.bus"))
                        r = remove_in(folder, entry->d_name);
        closedir(d);
        return r;
}

int lab_reduce_to_logs(const Lab *lab) {
        _cleanup_free_ char *policyd = path_join(lab->folder, "policyd"), *mark = path_join(lab->folder, MARK);
        int r;

        if (!policyd || !mark)
                return -ENOMEM;
        r = remove_in(lab->folder, "lab.json");
        if (r >= 0)
                r = file_write_atomic(mark, "", 0, 0644);
        if (r >= 0)
                r = empty_but(policyd, "log");
        for (size_t i = 0; r >= 0 && i < lab->n_hosts; i++)
                r = empty_but(lab->hosts[i].folder, "log");
        return r < 0 ? r : empty_top(lab->folder);
}

bool lab_is_down_for_good(const char *folder) {
        _cleanup_free_ char *mark = path_join(folder, MARK);

        return access(folder, F_OK) < 0 || (mark && access(mark, F_OK) == 0);
}

int lab_remove_leftovers(const char *folder) {
        static const char *const names[] = {"policyd", "hosts", MARK};
        _cleanup_free_ char *mark = path_join(folder, MARK);
        int r = 0;

        if (!mark)
                return -ENOMEM;
        if (access(mark, F_OK) < 0)
                return 0;
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(names); i++)
                r = remove_in(folder, names[i]);
        return r;
}
