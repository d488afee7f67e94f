/*
 * A host's key, found by its fingerprint
 *
 * ssh-keyscan writes its keys to a file without a name. ssh-keygen reads it and writes their fingerprints to a
 * second one; key-lines.c finds the key in both. The stored file
 * begins with a comment that holds the fingerprint; its one entry is for any name ("*"), since the file is used
 * for this host only, by whatever name ssh looks it up.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "common/base/strbuf.h"
#include "common/io/command.h"
#include "common/io/file.h"
#include "policyd/link/child.h"
#include "policyd/link/host-key.h"
#include "policyd/link/key-lines.h"

#define OUTPUT_MAX 65536
#define FILE_MAX 65536

struct HostKeySearch {
        sd_event *event;
        HostKeyTask task;
        int keys_fd, prints_fd;  /* outputs of ssh-keyscan and ssh-keygen */
        sd_event_source *child;
        pid_t pid;
};

char *host_key_file(const char *folder, const LinkAddress *address) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "%s/host-keys/", folder);
        /* ssh expands '%' in the name of a file. */
        for (const char *p = link_address_host(address); *p; p++)
                strbuf_add_n(&b, *p == '%' || *p == ':' ? "_" : p, 1);
        strbuf_addf(&b, "_%s", address->port ?: "22");
        return strbuf_take(&b);
}

bool host_key_is_stored(const char *file, const char *fingerprint) {
        _cleanup_free_ char *text = NULL;
        const char *found;
        size_t n;

        if (file_read(file, FILE_MAX, &text, &n) < 0)
                return false;
        found = startswith(text, "# ");
        found = found ? startswith(found, fingerprint) : NULL;
        return found && *found == '\n';
}

static int store_key(const HostKeyTask *t, const char *key) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *folder = NULL;
        int r;

        strbuf_addf(&b, "# %s\n* %s\n", t->fingerprint, key);
        r = strbuf_error(&b);
        folder = strndup(t->file, (size_t) (strrchr(t->file, '/') - t->file));
        if (r < 0 || !folder)
                return -ENOMEM;
        r = mkdir_parents(folder, 0700);
        return r < 0 ? r : file_write_atomic(t->file, b.text, b.len, 0600);
}

/* The search */

static void end(HostKeySearch *s, HostKeyResult result, const char *text) {
        s->task.ended(result, text, s->task.userdata);
}

static int read_output(int fd, char **ret) {
        size_t n;

        return lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, OUTPUT_MAX, ret, &n);
}

static int run(HostKeySearch *s, const char *const *argv, int input, int output, sd_event_child_handler_t ended) {
        _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        int r;

        if (null < 0)
                return -errno;
        s->child = sd_event_source_disable_unref(s->child);
        r = command_start(NULL, argv, input, output, null, &s->pid);
        return r < 0 ? r : child_watch(s->event, s->pid, ended, s, &s->child);
}

static int on_prints(sd_event_source *source, const siginfo_t *info, void *userdata) {
        _cleanup_free_ char *keys = NULL, *prints = NULL, *key = NULL, *other = NULL;
        HostKeySearch *s = userdata;
        int r;

        r = read_output(s->keys_fd, &keys);
        r = r < 0 ? r : read_output(s->prints_fd, &prints);
        r = r < 0 ? r : host_key_choose(keys, prints, s->task.fingerprint, &key, &other);
        r = r < 0 || !key ? r : store_key(&s->task, key);
        if (r < 0)
                end(s, HOST_KEY_FAILED, strerror(-r));
        else if (key)
                end(s, HOST_KEY_STORED, NULL);
        else
                end(s, other ? HOST_KEY_OTHER : HOST_KEY_SILENT, other);
        return 0;
}

static int on_keys(sd_event_source *source, const siginfo_t *info, void *userdata) {
        static const char *const argv[] = {"ssh-keygen", "-l", "-f", "-", NULL};
        HostKeySearch *s = userdata;
        int r;

        r = lseek(s->keys_fd, 0, SEEK_SET) < 0 ? -errno : run(s, argv, s->keys_fd, s->prints_fd, on_prints);
        if (r < 0)
                end(s, HOST_KEY_FAILED, strerror(-r));
        return 0;
}

static int start_scan(HostKeySearch *s) {
        const LinkAddress *a = s->task.address;
        const char *argv[8];
        char patience[32];
        size_t n = 0;

        snprintf(patience, sizeof(patience), "-T%" PRIu64, MAX_OF(s->task.answer_usec / 1000000, UINT64_C(1)));
        argv[n++] = "ssh-keyscan";
        argv[n++] = patience;
        argv[n++] = "-p";
        argv[n++] = a->port ?: "22";
        argv[n++] = "--";
        argv[n++] = link_address_host(a);
        argv[n] = NULL;
        return run(s, argv, -1, s->keys_fd, on_keys);
}

int host_key_search(sd_event *event, const HostKeyTask *task, HostKeySearch **ret) {
        _cleanup_(host_key_search_freep) HostKeySearch *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (HostKeySearch){.event = event, .task = *task, .keys_fd = -1, .prints_fd = -1};
        s->keys_fd = memfd_create("keys", MFD_CLOEXEC);
        if (s->keys_fd < 0)
                return -errno;
        s->prints_fd = memfd_create("fingerprints", MFD_CLOEXEC);
        if (s->prints_fd < 0)
                return -errno;
        r = start_scan(s);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

HostKeySearch *host_key_search_free(HostKeySearch *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->child);
        safe_close(s->keys_fd);
        safe_close(s->prints_fd);
        free(s);
        return NULL;
}

pid_t host_key_search_pid(const HostKeySearch *s) {
        return s->pid;
}
