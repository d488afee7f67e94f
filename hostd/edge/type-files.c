/*
 * The type files of a host
 *
 * Here stand the reads; what the bytes mean is the parsers' business. A problem is handed on with the path in
 * front.
 */

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

#include "common/io/file.h"
#include "common/base/text.h"
#include "hostd/core/grow.h"
#include "hostd/core/nvidia-driver.h"
#include "hostd/edge/nvidia-xml-read.h"
#include "hostd/edge/type-files.h"

#define CONF_SIZE_MAX (64u << 10)
#define CONFS_MAX 1024
#define LIST_SIZE_MAX (1u << 20)

/* One file that is being read, so that its problems carry its path. */
typedef struct FileContext {
        FileProblemHandler problem;
        void *userdata;
        const char *path;
} FileContext;

static void on_problem(unsigned line, const char *reason, void *userdata) {
        const FileContext *f = userdata;

        if (f->problem)
                f->problem(f->path, line, reason, f->userdata);
}

static ProblemSink sink_of(FileContext *f) {
        return (ProblemSink){ on_problem, f };
}

/* 1 and the bytes; 0 when the file is not there or cannot be read, which is then a problem. */
static int read_bytes(FileContext *f, size_t max, char **ret, size_t *ret_size) {
        ProblemSink sink = sink_of(f);
        int r;

        if (!f->path)
                return 0;
        r = file_read(f->path, max, ret, ret_size);
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR)
                return 0;
        if (r < 0) {
                problem_report(&sink, 0, "the file cannot be read: %s", strerror(-r));
                return 0;
        }
        return 1;
}

static int read_conf(FileContext *f, TypeCatalog *c) {
        ProblemSink sink = sink_of(f);
        _cleanup_free_ char *data = NULL, *path = NULL;
        NvidiaConf conf;
        size_t size;
        int r;

        r = read_bytes(f, CONF_SIZE_MAX, &data, &size);
        if (r <= 0)
                return r;
        if (nvidia_conf_parse(data, size, &sink, &conf) < 0)
                return 0;

        path = strdup(f->path);
        if (!path || GROW(c->confs, c->n_confs) < 0)
                return -ENOMEM;
        c->confs[c->n_confs++] = (CatalogConf){ take_ptr(path), conf };
        return 0;
}

/* Sorted by name, so that the same folder gives the same catalog. */
static int list_confs(const char *folder, struct dirent ***ret, int *ret_n) {
        int n;

        n = scandir(folder, ret, NULL, alphasort);
        if (n < 0 && errno == ENOMEM)
                return -ENOMEM;

        *ret_n = MAX_OF(n, 0);
        return 0;
}

static int read_conf_entry(const TypeFileSettings *settings, const char *name, FileProblemHandler problem,
        void *userdata, TypeCatalog *c) {
        _cleanup_free_ char *path = NULL;
        FileContext f = { problem, userdata, NULL };

        /* Hidden files are what editors and interrupted copies leave. */
        if (name[0] == '.')
                return 0;
        path = path_join(settings->nvidia_conf_dir, name);
        if (!path)
                return -ENOMEM;

        f.path = path;
        if (!text_is_name(name, strlen(name))) {
                ProblemSink sink = sink_of(&f);

                /* The name is part of the record that starts the emulator, so it cannot be another one there. */
                if (text_clean_own(&path, TEXT_LINE, PATH_MAX) < 0)
                        return -ENOMEM;
                f.path = path;
                problem_report(&sink, 0, "the file is not read: its name is no text");
                return 0;
        }
        return read_conf(&f, c);
}

static int read_confs(
        const TypeFileSettings *settings, FileProblemHandler problem, void *userdata, TypeCatalog *c) {
        struct dirent **entries = NULL;
        int n, r;

        if (!settings->nvidia_conf_dir)
                return 0;
        r = list_confs(settings->nvidia_conf_dir, &entries, &n);
        if (r < 0)
                return r;

        for (int i = 0; i < n; i++) {
                if (r >= 0 && c->n_confs < CONFS_MAX)
                        r = read_conf_entry(settings, entries[i]->d_name, problem, userdata, c);
                free(entries[i]);
        }
        free(entries);
        return r;
}

static bool driver_gives_several(const TypeFileSettings *settings) {
        const char *const *allowed = settings->nvidia_multi_vgpu_versions
                                             ? settings->nvidia_multi_vgpu_versions
                                             : nvidia_multi_vgpu_versions;
        char target[PATH_MAX];
        ssize_t n;

        if (!settings->nvidia_driver)
                return false;
        n = readlink(settings->nvidia_driver, target, sizeof(target) - 1);
        if (n < 0)
                return false;
        target[n] = '\0';
        return nvidia_driver_supports_multi_vgpu(nvidia_driver_version_of_link(target), allowed);
}

static int read_xml(FileContext f, TypeCatalog *c) {
        ProblemSink sink = sink_of(&f);
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = read_bytes(&f, NVIDIA_XML_SIZE_MAX, &data, &size);
        return r <= 0 ? r : nvidia_xml_read(data, size, &sink, &c->xml);
}

static int read_list(FileContext f, const TypeListFormat *format, TypeListEntry **ret, size_t *ret_n) {
        ProblemSink sink = sink_of(&f);
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = read_bytes(&f, LIST_SIZE_MAX, &data, &size);
        return r <= 0 ? r : type_list_parse(format, data, size, &sink, ret, ret_n);
}

int type_files_read(
        const TypeFileSettings *settings, FileProblemHandler problem, void *userdata, TypeCatalog *ret) {
        TypeCatalog c = { .multi_vgpu = driver_gives_several(settings) };
        int r;

        r = read_confs(settings, problem, userdata, &c);
        if (r >= 0)
                r = read_xml((FileContext){ problem, userdata, settings->nvidia_xml }, &c);
        if (r >= 0)
                r = read_list((FileContext){ problem, userdata, settings->gvtg_list }, &type_list_gvtg, &c.gvtg,
                        &c.n_gvtg);
        if (r >= 0)
                r = read_list((FileContext){ problem, userdata, settings->mxgpu_list }, &type_list_mxgpu, &c.mxgpu,
                        &c.n_mxgpu);
        if (r < 0) {
                type_catalog_done(&c);
                return r;
        }

        *ret = c;
        return 0;
}
