/*
 * Changes of the host that the kernel reports
 *
 * Links by rtnetlink, mounts by poll() on mountinfo.
 */

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "common/daemon/log.h"
#include "hostd/edge/kernel-watch.h"

struct KernelWatch {
        KernelChanged changed;
        void *userdata;
        int links, mounts;
        sd_event_source *link_source, *mount_source;
};

KernelWatch *kernel_watch_free(KernelWatch *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->link_source);
        sd_event_source_disable_unref(w->mount_source);
        safe_close(w->links);
        safe_close(w->mounts);
        free(w);
        return NULL;
}

/* An overflow (ENOBUFS) means a change too. */
static int on_links(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        KernelWatch *w = userdata;
        char bytes[8192];

        while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
                ;
        w->changed(w->userdata);
        return 0;
}

static int watch_links(KernelWatch *w, sd_event *event) {
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

        w->links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (w->links < 0 || bind(w->links, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return sd_event_add_io(event, &w->link_source, w->links, EPOLLIN, on_links, w);
}

/* The poll itself clears the event, so nothing is read here. */
static int on_mounts(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        KernelWatch *w = userdata;

        w->changed(w->userdata);
        return 0;
}

static int watch_mounts(KernelWatch *w, sd_event *event, const char *mountinfo) {
        w->mounts = open(mountinfo, O_RDONLY | O_CLOEXEC);
        if (w->mounts < 0)
                return -errno;
        return sd_event_add_io(event, &w->mount_source, w->mounts, EPOLLPRI, on_mounts, w);
}

int kernel_watch_new(
        sd_event *event, const char *mountinfo, KernelChanged changed, void *userdata, KernelWatch **ret) {
        KernelWatch *w;
        int r;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->changed = changed;
        w->userdata = userdata;
        w->links = w->mounts = -1;
        r = watch_links(w, event);
        if (r < 0)
                (void) log_errno(r, "Bridges that come or go are seen at a rescan only, ignoring");
        r = watch_mounts(w, event, mountinfo);
        if (r < 0)
                (void) log_errno(r, "Mounts that come or go are seen at a rescan only, ignoring");
        *ret = w;
        return 0;
}
