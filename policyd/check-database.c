/*
 * The checker on a database
 *
 * First the pages of the file are looked at, unless a policyd writes them meanwhile. Then a copy is made in a folder of its own, and that
 * is opened, upgraded and loaded as a policyd would do at its start. So the database itself is only read, and its schema stays.
 */

#include "policyd/check-database.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemon/database.h"
#include "common/io/file.h"
#include "common/lmdb/check.h"
#include "common/lmdb/copy.h"
#include "common/lmdb/table.h"
#include "policyd/check/check.h"
#include "policyd/store/store.h"

#define MAP_SIZE ((size_t) 64 << 20)
#define MAP_MAX ((size_t) 1 << 40) /* an upgrade needs room */

typedef struct Look {
        const char *dir;
        char *path; /* of the file */
        char *copy; /* the folder of the copy */
        Findings findings;
        uint32_t schema;
} Look;

static void look_done(Look *l) {
        if (l->copy)
                (void) remove_tree(l->copy);
        free(l->copy);
        free(l->path);
        findings_done(&l->findings);
}

static int fail(const Look *l, int r, const char *what) {
        fprintf(stderr, "The database %s cannot be looked at: %s: %s.\n", l->dir, what, strerror(-r));
        return r;
}

static void found_damage(Look *l, const char *problem) {
        findings_add(&l->findings, "file", NULL, "The file %s is damaged: %s; put a backup in its place (xenvgpu-policyd(8)).", l->path,
                problem);
}

/* 1: it is damaged. While a policyd writes the file its pages change, and those of the copy are looked at instead. */
static int look_at_pages(Look *l) {
        _cleanup_free_ char *problem = NULL;
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (stat(l->dir, &st) < 0)
                return fail(l, -errno, "opening it");
        l->path = S_ISDIR(st.st_mode) ? path_join(l->dir, "data.mdb") : strdup(l->dir);
        if (!l->path)
                return fail(l, -ENOMEM, "opening it");
        fd = open(l->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return fail(l, -errno, "opening data.mdb");
        l->findings.n_invariants++;
        r = db_check_file(fd, &problem);
        if (r == -EBADMSG && db_is_used(l->dir))
                return 0;
        if (r == -EBADMSG)
                found_damage(l, problem);
        return r == -EBADMSG ? 1 : r < 0 ? fail(l, r, "reading data.mdb") : 0;
}

static int make_copy(Look *l) {
        const char *parent = getenv("TMPDIR") ?: "/tmp";
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (asprintf(&l->copy, "%s/xenvgpu-check.XXXXXX", parent) < 0 || !mkdtemp(l->copy)) {
                l->copy = NULL;
                return fail(l, -errno, "making a folder for a copy");
        }
        path = path_join(l->copy, "data.mdb");
        fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
        if (fd < 0)
                return fail(l, path ? -errno : -ENOMEM, "making a copy");
        r = db_copy(l->dir, fd, /* edit_or_null= */ NULL);
        return r < 0 ? fail(l, r, "copying it") : 0;
}

static int look_at_pool(Look *l, Db *store) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL;
        _cleanup_(pool_freep) Pool *pool = NULL;
        StoreMeta meta;
        int r;

        r = store_schema(store, &l->schema);
        r = r ?: store_load(store, /* visitor= */ NULL, NULL, &pool, &meta, &rows, &problem);
        if (r == -EBADMSG && problem) {
                findings_add(&l->findings, "rows", NULL, "The rows of schema %u cannot be upgraded: %s", l->schema, problem);
                return 0;
        }
        if (r == -EPROTONOSUPPORT && problem)
                fprintf(stderr, "%s\n", problem);
        if (r < 0)
                return r == -EPROTONOSUPPORT ? r : fail(l, r, "loading it");
        check_rows(&rows, &l->findings);
        /* Without one of its rows the pool is not whole. */
        return check_pool(
                &(CheckInput){.pool = pool, .what = CHECK_MODEL | (rows.n_blocking > 0 ? 0 : CHECK_POLICY)}, &l->findings);
}

static int look_at_copy(Look *l) {
        const DbSource source = db_in_folder(l->copy);
        _cleanup_(db_closep) Db *store = NULL;
        _cleanup_free_ char *problem = NULL;
        int r;

        r = store_open(&source, MAP_SIZE, MAP_MAX, &problem, &store);
        if (r == -EBADMSG && problem)
                found_damage(l, problem);
        if (r < 0)
                return r == -EBADMSG ? 0 : fail(l, r, "opening a copy");
        return look_at_pool(l, store);
}

static int print(const Look *l) {
        const Findings *f = &l->findings;
        char buf[128];

        for (size_t i = 0; i < f->n; i++)
                printf("%s: %s\n", f->items[i].invariant, f->items[i].sentence);
        if (l->schema > 0 && l->schema < STORE_SCHEMA)
                printf("The database has schema %u; a copy was upgraded to %d and looked at, and the database is as it was.\n",
                        l->schema, STORE_SCHEMA);
        puts(findings_sum_up(f, buf, sizeof(buf)));
        return f->n > 0 ? 1 : 0;
}

int check_database(const char *dir) {
        _cleanup_(look_done) Look l = {.dir = dir};
        int r;

        database_catch_bus_error();
        r = look_at_pages(&l);
        if (r == 0)
                r = make_copy(&l) ?: look_at_copy(&l);
        return r < 0 ? 2 : print(&l);
}
