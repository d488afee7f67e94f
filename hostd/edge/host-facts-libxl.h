#pragma once

/*
 * The facts of a real Xen host
 *
 * Memory, processors and what they can do come from Xen by hypercall, through libxl: that waits for nobody,
 * so hostd may ask from its loop. xenstore is needed twice, when the source is made: to connect, and to watch
 * domains come and go, which is when free memory changes. After that nothing here waits for it. Domains that
 * others started count like ours: free is what Xen says is free.
 *
 * Networks are the bridges of the kernel. Storage is what the settings name, and every file system of a disk
 * or a server that is mounted elsewhere than on the root.
 */

#include "hostd/edge/host-facts.h"

/* storage: blank-separated folders. -EIO: not root in dom0, or xenstore does not answer; the log says more. */
int host_facts_libxl_new(const char *storage, HostFactsSource **ret);

/* The lists as they are read from folders, for the tests: "/sys/class/net", "/proc/1/mountinfo". Sorted. */
int host_facts_read_bridges(const char *folder, char ***ret);
int host_facts_read_storage(const char *named, const char *mountinfo, char ***ret);
