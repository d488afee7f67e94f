/*
 * NVIDIA's host driver, by its library
 */

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/strlist.h"
#include "common/base/text.h"
#include "common/io/file.h"
#include "hostd/core/nvidia-driver.h"
#include "hostd/edge/nvidia-library.h"

#define LINKS_MAX 16

/* A relative target stands beside its link. */
static char *target_of(const char *link) {
        _cleanup_free_ char *folder = NULL;
        char target[PATH_MAX];
        const char *slash = strrchr(link, '/');
        ssize_t n = readlink(link, target, sizeof(target) - 1);

        if (n < 0)
                return NULL;
        target[n] = '\0';
        if (target[0] == '/' || !slash)
                return strdup(target);
        folder = strndup(link, (size_t) (slash - link));
        return folder ? path_join(folder, target) : NULL;
}

/* 1: *ret is the version, 0: no link of the chain has one, -ENOMEM. */
static int follow(const char *first, char **ret) {
        _cleanup_free_ char *at = strdup(first);

        for (size_t i = 0; at && i < LINKS_MAX; i++) {
                const char *version = nvidia_driver_version_of_link(at);
                char *next;

                if (nvidia_driver_version_is_whole(version)) {
                        *ret = strdup(version);
                        return *ret ? 1 : -ENOMEM;
                }
                next = target_of(at);
                if (!next)
                        return 0;
                free(at);
                at = next;
        }
        return at ? 0 : -ENOMEM;
}

int nvidia_library_version(const char *paths, char **ret) {
        _cleanup_strlist_ StrList list = {};
        char *version = NULL;
        struct stat st;
        int r = 0;

        strlist_add_split(&list, paths, " \t");
        for (size_t i = 0; i < list.n; i++) {
                if (lstat(list.items[i], &st) < 0)
                        continue;
                r = follow(list.items[i], &version);
                if (r == 0)
                        version = text_printf("%s leads to no libnvidia-vgpu.so.VERSION", list.items[i]);
                *ret = version;
                return version ? r : -ENOMEM;
        }
        *ret = text_printf("NVIDIA's host driver is not there: no %s", strempty(list.n > 0 ? list.items[0] : NULL));
        return *ret ? 0 : -ENOMEM;
}
