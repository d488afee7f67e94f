#pragma once

/*
 * Who may call what
 *
 * One table says which action of polkit each method needs. Root, policyd's own user and its group may do everything, and polkit is not
 * asked. Others are asked of polkit, whose defaults say no. What everybody may read needs no action.
 */

#include "policyd/bus/call/callers.h"
#include "policyd/bus/call/polkit.h"

#define ACCESS_ACTIONS(W)                                                                                    \
        W(ACCESS_EVERYBODY, "")                                                                              \
        W(ACCESS_READ, "org.xenvgpu.read")             /* what of a VM is not for everybody: its config */   \
        W(ACCESS_ALLOCATE, "org.xenvgpu.allocate")     /* start and stop VMs, give them VGPUs, reserve */    \
        W(ACCESS_CONFIGURE, "org.xenvgpu.configure")   /* make, change and destroy VMs, groups, PGPUs' types */ \
        W(ACCESS_ADMINISTER, "org.xenvgpu.administer") /* hosts, quotas, owners, the database */
DEFINE_ENUM(Access, ACCESS, ACCESS_ACTIONS);

const char *access_action(Access a); /* "org.xenvgpu.allocate" */

/* interface "org.xenvgpu.Policy1.VM". One that is not in the table is the administrators'. */
Access access_of(const char *interface_or_null, const char *member);
/* For tests: the rows, "VM.Start", one after the other; NULL at the end. */
const char *access_nth(size_t n, Access *ret);

/* Needs no polkit. gid: of the group; UINT32_MAX: there is none. */
bool access_is_free(const Who *who, uint32_t gid);
/* What a caller is told whom polkit does not allow a method: what is missing, and how to get it. The caller frees. */
char *access_refusal(const Who *who, const char *member, Access access, PolkitAnswer answer, const char *group);
