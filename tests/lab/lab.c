/*
 * A lab on disk
 *
 * Only this file knows where things stand. The paths of a host are worked out when its spec is read, so that
 * two commands always agree on them; lab.json holds no more than the specs and the short folder.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "tests/lab/lab.h"
#include "tests/lab/leftovers.h"

#define SOCKET_PATH_MAX 107
#define LAB_FILE_MAX (1u << 20)
#define LOCK_NAME "lab.lock"

int lab_fail(int r, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        fputs("xenvgpu-lab: ", stderr);
        vfprintf(stderr, format, ap);
        fputc('\n', stderr);
        va_end(ap);
        return r;
}

const char *lab_bus_address(const char *socket, char buf[static 128]) {
        snprintf(buf, 128, "unix:path=%s", socket);
        return buf;
}

static void lab_host_done(LabHost *host) {
        host_spec_done(&host->spec);
        free(host->folder);
        free(host->run);
        free(host->bus_socket);
        free(host->xenstore_socket);
        free(host->relay_socket);
        free(host->relay_control);
        *host = (LabHost){};
}

void lab_done(Lab *lab) {
        for (size_t i = 0; i < lab->n_hosts; i++)
                lab_host_done(&lab->hosts[i]);
        free(lab->hosts);
        free(lab->folder);
        free(lab->sockets);
        free(lab->master_socket);
        safe_close(lab->lock);
        *lab = LAB_NONE;
}

/*
 * The longest socket path below DIR is that of a VM's program in the run folder of a host; and a D-Bus
 * address takes only these characters as they are.
 */
static bool paths_are_plain(const char *folder, size_t longest_name) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/.";

        return strspn(folder, plain) == strlen(folder) && strlen(folder) + strlen("/hosts/") + longest_name +
                                                                          strlen("/run/vm/") + 36 +
                                                                          strlen("/socket") <=
                                                                  SOCKET_PATH_MAX;
}

static int host_paths(Lab *lab, LabHost *host, size_t index) {
        const char *name = host->spec.name;
        _cleanup_free_ char *base = NULL;

        if (asprintf(&host->folder, "%s/hosts/%s", lab->folder, name) < 0)
                return -ENOMEM;

        if (lab->sockets) {
                if (asprintf(&base, "%s/%zu.", lab->sockets, index) < 0)
                        return -ENOMEM;
        } else if (asprintf(&base, "%s/", host->folder) < 0)
                return -ENOMEM;

        if (asprintf(&host->run, "%srun", base) < 0 || asprintf(&host->bus_socket, "%sbus", base) < 0 ||
                asprintf(&host->xenstore_socket, "%sxenstore", base) < 0 ||
                asprintf(&host->relay_socket, "%srelay", base) < 0 ||
                asprintf(&host->relay_control, "%srelay-control", base) < 0)
                return -ENOMEM;
        return 0;
}

int lab_find_host(const Lab *lab, const char *name, LabHost **ret) {
        for (size_t i = 0; i < lab->n_hosts; i++)
                if (streq(lab->hosts[i].spec.name, name)) {
                        *ret = &lab->hosts[i];
                        return 0;
                }
        return lab_fail(-ENOENT, "the lab in %s has no host '%s'", lab->folder, name);
}

int lab_add_host(Lab *lab, const char *spec_text) {
        _cleanup_free_ char *error = NULL;
        LabHost host = {}, *bigger;
        int r;

        r = host_spec_parse(spec_text, &host.spec, &error);
        if (r == -ENOMEM)
                return lab_fail(r, "out of memory");
        if (r < 0)
                return lab_fail(r, "%s", error);

        for (size_t i = 0; i < lab->n_hosts; i++) {
                if (!streq(lab->hosts[i].spec.name, host.spec.name))
                        continue;
                r = streq(lab->hosts[i].spec.text, host.spec.text)
                            ? 0
                            : lab_fail(-EEXIST, "the lab has host '%s' already, as %s", host.spec.name,
                                      lab->hosts[i].spec.text);
                lab_host_done(&host);
                return r;
        }
        if (lab->n_hosts >= LAB_HOSTS_MAX) {
                lab_host_done(&host);
                return lab_fail(-E2BIG, "a lab has at most %d hosts", LAB_HOSTS_MAX);
        }
        if (!lab->sockets && !paths_are_plain(lab->folder, strlen(host.spec.name))) {
                r = lab_fail(-ENAMETOOLONG, "the name '%s' is too long for the sockets of the lab in %s",
                        host.spec.name, lab->folder);
                lab_host_done(&host);
                return r;
        }

        r = host_paths(lab, &host, lab->n_hosts);
        bigger = r < 0 ? NULL : reallocarray(lab->hosts, lab->n_hosts + 1, sizeof(LabHost));
        if (!bigger) {
                lab_host_done(&host);
                return lab_fail(-ENOMEM, "out of memory");
        }
        lab->hosts = bigger;
        lab->hosts[lab->n_hosts++] = host;
        return 0;
}

int lab_save(const Lab *lab) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *path = path_join(lab->folder, "lab.json"), *text = NULL;
        struct json_object *hosts = json_object_new_array();

        if (!o || !hosts || !path) {
                json_object_put(hosts);
                return lab_fail(-ENOMEM, "out of memory");
        }
        for (size_t i = 0; i < lab->n_hosts; i++)
                json_object_array_add(hosts, json_object_new_string(lab->hosts[i].spec.text));
        json_add_u64(o, "version", 1);
        json_add_string(o, "sockets", strempty(lab->sockets));
        json_add(o, "hosts", hosts);

        text = json_to_text(o);
        if (!text)
                return lab_fail(-ENOMEM, "out of memory");
        int r = file_write_atomic(path, text, strlen(text), 0644);
        return r < 0 ? lab_fail(r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

void lab_discard(const Lab *lab) {
        _cleanup_free_ char *path = path_join(lab->folder, "lab.json"),
                            *lock = path_join(lab->folder, LOCK_NAME);

        if (!path || !lock || access(path, F_OK) == 0)
                return;
        lab_remove_sockets(lab);
        unlink(lock);
        rmdir(lab->folder);
}

static int lab_read(Lab *lab, const char *path) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        struct json_object *hosts;
        const char *sockets = "";
        JsonReader reader = {};
        size_t size;
        int r;

        r = file_read(path, LAB_FILE_MAX, &text, &size);
        if (r < 0)
                return r;
        if (json_parse_cleaned(&reader, text, size, &o) < 0 || json_opt_string(&reader, o, "sockets", &sockets) < 0 ||
                json_get_array(&reader, o, "hosts", &hosts) < 0)
                return lab_fail(-EBADMSG, "%s: %s", path, reader.error);

        if (*sockets) {
                lab->sockets = strdup(sockets);
                if (!lab->sockets)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < json_object_array_length(hosts); i++) {
                r = lab_add_host(lab, json_object_get_string(json_object_array_get_idx(hosts, i)));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int lab_lock(Lab *lab) {
        _cleanup_free_ char *path = path_join(lab->folder, LOCK_NAME);

        if (!path)
                return -ENOMEM;
        lab->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (lab->lock < 0)
                return lab_fail(-errno, "cannot write in %s: %s", lab->folder, strerror(errno));
        if (flock(lab->lock, LOCK_EX) < 0)
                return lab_fail(-errno, "cannot lock %s: %s", path, strerror(errno));
        return 0;
}

static int lab_set_master(Lab *lab) {
        return asprintf(&lab->master_socket, "%s/%s", lab->sockets ? lab->sockets : lab->folder,
                       "master.bus") < 0
                       ? -ENOMEM
                       : 0;
}

int lab_open(const char *folder, Lab *ret) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        _cleanup_free_ char *path = NULL;
        int r;

        lab.folder = realpath(folder, NULL);
        path = lab.folder ? path_join(lab.folder, "lab.json") : NULL;
        if (!path || access(path, F_OK) < 0)
                return lab_fail(-ENOENT, "there is no lab in %s", folder);

        r = lab_lock(&lab);
        if (r < 0)
                return r;
        r = lab_read(&lab, path);
        if (r == -ENOENT) /* a `down` was faster than our lock */
                return lab_fail(r, "there is no lab in %s", folder);
        if (r >= 0)
                r = lab_set_master(&lab);
        if (r < 0)
                return r;

        *ret = lab;
        lab = LAB_NONE;
        return 0;
}

/* Nothing in it but what we put there ourselves. */
static int check_empty(const char *folder) {
        DIR *d = opendir(folder);
        struct dirent *entry;
        int r = 0;

        if (!d)
                return lab_fail(-errno, "cannot read %s: %s", folder, strerror(errno));
        while ((entry = readdir(d)))
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, "..") &&
                        !streq(entry->d_name, LOCK_NAME))
                        r = -ENOTEMPTY;
        closedir(d);
        return r < 0 ? lab_fail(r, "%s is not empty and holds no lab; take another folder", folder) : 0;
}

static int choose_sockets(Lab *lab, size_t longest_name) {
        const char *base = getenv("XDG_RUNTIME_DIR");
        char path[64];

        if (paths_are_plain(lab->folder, longest_name))
                return 0;
        if (!base || strlen(base) > 24 || access(base, W_OK) < 0)
                base = "/tmp";
        snprintf(path, sizeof(path), "%s/xenvgpu-lab.XXXXXX", base);
        if (!mkdtemp(path))
                return lab_fail(
                        -errno, "cannot make a short folder for sockets in %s: %s", base, strerror(errno));
        lab->sockets = strdup(path);
        return lab->sockets ? 0 : -ENOMEM;
}

int lab_open_or_create(const char *folder, size_t longest_name, Lab *ret) {
        _cleanup_(lab_done_p) Lab lab = LAB_NONE;
        _cleanup_free_ char *path = NULL;
        int r;

        r = mkdir_parents(folder, 0755);
        if (r < 0)
                return lab_fail(r, "cannot make %s: %s", folder, strerror(-r));
        path = path_join(folder, "lab.json");
        if (path && access(path, F_OK) == 0)
                return lab_open(folder, ret);

        lab.folder = realpath(folder, NULL);
        if (!lab.folder)
                return lab_fail(-errno, "cannot find %s: %s", folder, strerror(errno));
        r = lab_remove_leftovers(lab.folder);
        if (r < 0)
                return lab_fail(r, "cannot empty %s: %s", lab.folder, strerror(-r));
        r = check_empty(lab.folder);
        if (r >= 0)
                r = lab_lock(&lab);
        if (r >= 0)
                r = choose_sockets(&lab, longest_name);
        if (r >= 0)
                r = lab_set_master(&lab);
        if (r < 0)
                return r;

        *ret = lab;
        lab = LAB_NONE;
        return 0;
}

static int link_into(const char *folder, const char *name, const char *target) {
        _cleanup_free_ char *path = path_join(folder, name);

        if (!path)
                return -ENOMEM;
        if (streq(path, target))
                return 0;
        if (symlink(target, path) < 0 && errno != EEXIST)
                return -errno;
        return 0;
}

static int host_make_folders(const LabHost *host) {
        static const char *const names[] = { "state", "sim/dom" };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_free_ char *path = path_join(host->folder, names[i]);

                r = path ? mkdir_parents(path, 0755) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        r = mkdir_parents(host->run, 0755);
        if (r >= 0)
                r = link_into(host->folder, "run", host->run);
        if (r >= 0)
                r = link_into(host->folder, "bus", host->bus_socket);
        return r;
}

/* It may be there from before; in a folder that everyone writes to, it may also be another's by now. */
static int make_sockets_folder(const char *path) {
        struct stat st;

        if (mkdir(path, 0700) == 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (lstat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) && st.st_uid == geteuid() ? 0 : -EPERM;
}

int lab_make_folders(const Lab *lab) {
        _cleanup_free_ char *state = path_join(lab->folder, "policyd/state"),
                            *run = path_join(lab->folder, "policyd/run");
        int r;

        if (lab->sockets) {
                r = make_sockets_folder(lab->sockets);
                if (r < 0)
                        return lab_fail(r, "cannot make %s: %s", lab->sockets, strerror(-r));
        }
        r = !state || !run ? -ENOMEM : mkdir_parents(state, 0755);
        if (r >= 0)
                r = mkdir_parents(run, 0755);
        if (r >= 0)
                r = link_into(lab->folder, "master.bus", lab->master_socket);
        for (size_t i = 0; r >= 0 && i < lab->n_hosts; i++)
                r = host_make_folders(&lab->hosts[i]);
        return r < 0 ? lab_fail(r, "cannot make the folders of the lab in %s: %s", lab->folder, strerror(-r))
                     : 0;
}

int lab_remove_sockets(const Lab *lab) {
        return lab->sockets ? remove_tree(lab->sockets) : 0;
}
