#pragma once

/*
 * Databases that were damaged at random places
 *
 * Each round copies a good file, damages the copy and has a child open it and use it: the child may find
 * everything, or refuse it with a reason, and must never be ended by a signal. A round is repeated with its
 * seed.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/io/file.h"
#include "common/base/macros.h"

enum {
        CHILD_HAS_ALL = 100,
        CHILD_REFUSED, /* with a reason */
        CHILD_LACKS_SOMETHING,
        CHILD_REFUSED_SILENTLY,
};

/* Opens the database in dir, compares what it finds with what should be there, and writes into it. Runs in a
 * child. */
typedef int (*DamageTry)(const char *dir, void *userdata);

typedef struct DamageCounts {
        unsigned n_whole, n_refused;
} DamageCounts;

static inline uint32_t damage_dice(uint32_t *seed, uint32_t n) {
        *seed = *seed * 1664525u + 1013904223u;
        return n > 0 ? (*seed >> 8) % n : 0;
}

/* Returns whether a whole page was hit, or more: then nothing of it can pass for whole. */
static inline bool damage_bytes(uint8_t *data, size_t *size, uint32_t *seed, char what[static 80]) {
        size_t n_pages = *size / 4096, page = damage_dice(seed, (uint32_t) n_pages) * 4096;
        size_t other = damage_dice(seed, (uint32_t) n_pages) * 4096, n;

        switch (damage_dice(seed, 7)) {
        case 0:
                *size = damage_dice(seed, (uint32_t) *size);
                (void) snprintf(what, 80, "cut off at %zu", *size);
                return true;
        case 1:
                *size = page;
                (void) snprintf(what, 80, "cut off before page %zu", page / 4096);
                return true;
        case 2:
                memset(data + page, 0, 4096);
                (void) snprintf(what, 80, "page %zu zeroed", page / 4096);
                return true;
        case 3:
                for (size_t i = 0; i < 4096; i++)
                        data[page + i] = (uint8_t) damage_dice(seed, 256);
                (void) snprintf(what, 80, "page %zu is noise", page / 4096);
                return true;
        case 4:
                memmove(data + page, data + other, 4096);
                (void) snprintf(what, 80, "page %zu is page %zu", page / 4096, other / 4096);
                return true;
        case 5:
                /* Where the numbers are. */
                n = 1 + damage_dice(seed, 8);
                for (size_t i = 0; i < n; i++)
                        data[page + damage_dice(seed, 152)] = (uint8_t) damage_dice(seed, 256);
                (void) snprintf(what, 80, "%zu bytes in the header of page %zu", n, page / 4096);
                return false;
        default:
                n = 1 + damage_dice(seed, 64);
                for (size_t i = 0; i < n; i++)
                        data[damage_dice(seed, (uint32_t) *size)] = (uint8_t) damage_dice(seed, 256);
                (void) snprintf(what, 80, "%zu bytes", n);
                return false;
        }
}

static inline int damage_child(const char *dir, DamageTry try, void *userdata) {
        static const int deadly[] = {SIGBUS, SIGSEGV, SIGABRT, SIGILL, SIGFPE};
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                /* cmocka would catch them, and go on with its tests in the child. */
                for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
                        (void) signal(deadly[i], SIG_DFL);
                _exit(try(dir, userdata));
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* good: the folder with the whole database; bad: an empty one to damage it in. Returns the number of rounds
 * that went wrong. */
static inline unsigned damage_rounds(const char *good, const char *bad, unsigned n_rounds, DamageTry try,
        void *userdata, DamageCounts *counts) {
        _cleanup_free_ char *from = path_join(good, "data.mdb"), *to = path_join(bad, "data.mdb");
        _cleanup_free_ char *original = NULL, *copy = NULL, *mark = path_join(bad, "owner");
        size_t size = 0;
        unsigned n_wrong = 0;

        if (!from || !to || !mark || file_read(from, 64 << 20, &original, &size) < 0 ||
                !(copy = malloc(size + 4096)))
                return n_rounds;
        for (unsigned round = 0; round < n_rounds; round++) {
                uint32_t seed = 7919 * (round + 1);
                size_t damaged = size;
                char what[80] = "";
                bool page;
                int r;

                memcpy(copy, original, size);
                page = damage_bytes((uint8_t *) copy, &damaged, &seed, what);
                if (file_write_atomic(to, copy, damaged, 0600) < 0 ||
                        file_write_atomic(mark, "known\n", 6, 0600) < 0)
                        return n_rounds;
                r = damage_child(bad, try, userdata);
                counts->n_whole += r == CHILD_HAS_ALL;
                counts->n_refused += r == CHILD_REFUSED;
                if (r == CHILD_HAS_ALL || r == CHILD_REFUSED || (r == CHILD_LACKS_SOMETHING && !page))
                        continue;
                n_wrong++;
                (void) fprintf(stderr, "round %u (%s): %s %d\n", round, what, r < 0 ? "signal" : "status", r);
        }
        return n_wrong;
}
