#pragma once

/*
 * The process of xl that watches over a domain
 *
 * `xl create` stays as a process of its own until the domain ends. It starts the domain anew when the guest reboots, so a domain that
 * has one must not be commanded by anybody else. Nothing says which domain it watches but its log, which is open as its standard output
 * and is called after the domain: /var/log/xen/xl-NAME.log.
 */

#include <sys/types.h>

/* proc: "/proc", or a test's. 1: it is *ret; 0: there is none. -ENOMEM. */
int xl_monitor_find(const char *proc, const char *domain, pid_t *ret);
