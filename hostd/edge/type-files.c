/*
 * The type files of a host
 *
 * Here stand the reads; what the bytes mean is the parsers' business. A problem is handed on with the path in
 * front.
 */

#include <limits.h>
#include <stdio.h>

#include "common/io/file.h"
#include "common/base/strbuf.h"
#include "common/base/text.h"
#include "hostd/core/grow.h"
#include "hostd/core/idset.h"
#include "hostd/core/nvidia-driver.h"
#include "hostd/edge/nvidia-library.h"
#include "hostd/edge/nvidia-xml-read.h"
#include "hostd/edge/type-files.h"

#define CONF_SIZE_MAX (64u << 10)
#define CONFS_MAX 1024
#define LIST_SIZE_MAX (1u << 20)

/* 1 and the bytes; 0 when the file is not there or cannot be read, which is then a problem. */
static int read_bytes(const ProblemSink *file, size_t max, char **ret, size_t *ret_size) {
        int r;

        if (!file->path)
                return 0;
        r = file_read(file->path, max, ret, ret_size);
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR)
                return 0;
        if (r < 0) {
                problem_report(file, 0, "the file cannot be read: %s", strerror(-r));
                return 0;
        }
        return 1;
}

static int read_conf(const ProblemSink *file, TypeCatalog *c) {
        _cleanup_free_ char *data = NULL, *path = NULL;
        NvidiaConf conf;
        size_t size;
        int r;

        r = read_bytes(file, CONF_SIZE_MAX, &data, &size);
        if (r <= 0)
                return r;
        if (nvidia_conf_parse(data, size, file, &conf) < 0)
                return 0;

        path = strdup(file->path);
        if (!path || GROW(c->confs, c->n_confs) < 0)
                return -ENOMEM;
        c->confs[c->n_confs++] = (CatalogConf){ take_ptr(path), conf };
        return 0;
}

static int read_conf_entry(const char *folder, const char *name, const ProblemSink *problems, TypeCatalog *c) {
        _cleanup_free_ char *path = NULL;
        ProblemSink file;

        path = path_join(folder, name);
        if (!path)
                return -ENOMEM;
        if (text_is_name(name, strlen(name))) {
                file = problems_in(problems, path);
                return read_conf(&file, c);
        }

        /* The name is part of the record that starts the emulator, so it cannot be another one there. */
        if (text_clean_own(&path, TEXT_LINE, PATH_MAX) < 0)
                return -ENOMEM;
        file = problems_in(problems, path);
        problem_report(&file, 0, "the file is not read: its name is no text");
        return 0;
}

/* Without hidden files, which are what editors and interrupted copies leave; sorted by name, so that the same folder
 * gives the same catalog. */
static int read_confs(const char *folder, const ProblemSink *problems, TypeCatalog *c) {
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = folder ? folder_list(folder, &names) : 0;
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        idset_sort(names);
        for (char **name = names; name && *name && r >= 0 && c->n_confs < CONFS_MAX; name++)
                r = read_conf_entry(folder, *name, problems, c);
        return r;
}

static char *describe_unsupported(const char *version, const char *const *allowed) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "NVIDIA's host driver is %s, and only", version);
        for (size_t i = 0; allowed[i]; i++)
                strbuf_addf(&b, "%s %s", i > 0 ? "," : "", allowed[i]);
        strbuf_add(&b, " can (+: or newer)");
        return strbuf_take(&b);
}

static int ask_driver(const TypeFileSettings *settings, TypeCatalog *c) {
        const char *const *allowed = settings->nvidia_multi_vgpu_versions
                                             ? settings->nvidia_multi_vgpu_versions
                                             : nvidia_multi_vgpu_versions;
        _cleanup_free_ char *version = NULL;
        int r;

        if (!settings->nvidia_driver)
                return 0;
        r = nvidia_library_version(settings->nvidia_driver, &version);
        if (r < 0)
                return r;
        c->multi_vgpu = r > 0 && nvidia_driver_supports_multi_vgpu(version, allowed);
        if (c->multi_vgpu)
                return 0;
        c->multi_vgpu_fault = r > 0 ? describe_unsupported(version, allowed) : take_ptr(version);
        return c->multi_vgpu_fault ? 0 : -ENOMEM;
}

static int read_xml(const char *path, ProblemSink problems, TypeCatalog *c) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        problems.path = c->xml_path = path;
        r = read_bytes(&problems, NVIDIA_XML_SIZE_MAX, &data, &size);
        return r <= 0 ? r : nvidia_xml_read(data, size, &problems, &c->xml);
}

static int read_list(const char *path, ProblemSink problems, const TypeListFormat *format, TypeListEntry **ret,
        size_t *ret_n) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        problems.path = path;
        r = read_bytes(&problems, LIST_SIZE_MAX, &data, &size);
        return r <= 0 ? r : type_list_parse(format, data, size, &problems, ret, ret_n);
}

static int read_sriov(ProblemSink problems, TypeCatalog *c) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        problems.path = c->sriov_path;
        r = read_bytes(&problems, LIST_SIZE_MAX, &data, &size);
        return r <= 0 ? r : sriov_types_parse(data, size, &problems, &c->sriov, &c->n_sriov);
}

int type_files_read(const TypeFileSettings *settings, const ProblemSink *problems, TypeCatalog *ret) {
        _cleanup_(type_catalog_done) TypeCatalog c = {
                .gvtg_path = settings->gvtg_list,
                .mxgpu_path = settings->mxgpu_list,
                .sriov_path = settings->sriov_list,
                .keeps_divisions = settings->keeps_divisions,
        };
        int r;

        r = ask_driver(settings, &c);
        if (r >= 0)
                r = read_confs(settings->nvidia_conf_dir, problems, &c);
        if (r >= 0)
                r = read_xml(settings->nvidia_xml, *problems, &c);
        if (r >= 0)
                r = read_list(c.gvtg_path, *problems, &type_list_gvtg, &c.gvtg, &c.n_gvtg);
        if (r >= 0)
                r = read_list(c.mxgpu_path, *problems, &type_list_mxgpu, &c.mxgpu, &c.n_mxgpu);
        if (r >= 0)
                r = read_sriov(*problems, &c);
        if (r < 0)
                return r;

        *ret = take_struct(c);
        return 0;
}
