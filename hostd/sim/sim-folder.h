#pragma once

/*
 * The simulated host's folder
 *
 *   host.json                 {"memory_total":bytes,"dom0_memory":bytes,…}
 *   lock, last-domid          domids grow; taken under the lock, together with memory
 *   dom/<domid>/config.json   the libxl config that the domain was made from
 *   dom/<domid>/state         "building", "paused", "running", "shutdown poweroff|reboot|suspend|crash"
 *   dom/<domid>/device-model  "<pid> <start time>" of the device model, which leads the domain's process group
 *   dom/<domid>/qemu.argv     by the stand-in for qemu
 *   dom/<domid>/hang          its guest does not react when asked to shut down
 *
 * A domain exists as long as its folder does. Files are written by rename, so that a watch on the folder sees
 * each change once.
 */

#include "common/io/pidfd.h"
#include "hostd/helper/core-dump.h"
#include "hostd/helper/end-domain.h"
#include "hostd/hypervisor/hypervisor.h"

/* 0, or -ENOSPC with a sentence. */
int sim_check_memory(const char *dir, struct json_object *config, char **ret_error);

/* Takes a domid and makes its folder, state "building". -ENOSPC with a sentence when memory does not do. */
int sim_domain_make(const char *dir, struct json_object *config, uint32_t *ret_domid, char **ret_error);
/* It vanishes at once. Domid 0: only what an earlier removal, cut off, has left. */
int sim_domain_remove(const char *dir, uint32_t domid);

int sim_domain_find(const char *dir, const Uuid *uuid, uint32_t *ret_domid); /* -ENOENT */

int sim_domain_read_state(const char *dir, uint32_t domid, GuestState *ret); /* GUEST_GONE without a folder */
int sim_domain_write_state(const char *dir, uint32_t domid, GuestState state);

int sim_domain_read_device_model(const char *dir, uint32_t domid, ProcessId *ret); /* -ENOENT */
int sim_domain_write_device_model(const char *dir, uint32_t domid, const ProcessId *id);

char *sim_domain_folder(const char *dir, uint32_t domid); /* caller frees */

int sim_end_domain(const EndDomain *d, char **ret_why);
int sim_dump_core(const CoreDump *d, char **ret_path, int *ret_excess, char **ret_why);
