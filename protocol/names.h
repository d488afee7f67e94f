#pragma once

/*
 * Every outward name, once
 */

#define POLICY_BUS_NAME "org.xenvgpu.Policy1"
#define POLICY_PATH "/org/xenvgpu/Policy1"
#define POLICY_IFACE_MANAGER "org.xenvgpu.Policy1.Manager"
#define POLICY_IFACE_HOST "org.xenvgpu.Policy1.Host"
#define POLICY_IFACE_PGPU "org.xenvgpu.Policy1.PGPU"
#define POLICY_IFACE_GPU_GROUP "org.xenvgpu.Policy1.GPUGroup"
#define POLICY_IFACE_VGPU_TYPE "org.xenvgpu.Policy1.VGPUType"
#define POLICY_IFACE_VM "org.xenvgpu.Policy1.VM"
#define POLICY_IFACE_VGPU "org.xenvgpu.Policy1.VGPU"
#define POLICY_IFACE_RESERVATION "org.xenvgpu.Policy1.Reservation"
#define POLICY_IFACE_QUOTA "org.xenvgpu.Policy1.Quota"
#define POLICY_IFACE_VM_GROUP "org.xenvgpu.Policy1.VMGroup"
#define POLICY_IFACE_JOB "org.xenvgpu.Policy1.Job"

#define HOST_BUS_NAME "org.xenvgpu.Host1"
#define HOST_PATH "/org/xenvgpu/Host1"
#define HOST_IFACE_MANAGER "org.xenvgpu.Host1.Manager"
#define HOST_IFACE_PGPU "org.xenvgpu.Host1.PGPU"
#define HOST_PATH_PGPU HOST_PATH "/pgpu"

#define SYSTEM_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

/* Where the installed XML stands is a matter of packaging; the texts are linked in too (protocol/xml.h). */
#define RECORD_VERSION 1

/* Each start of a policyd takes one more, so no pool gets here; what claims above it could never be outbid,
 * and readers of JSON that count in doubles would lose it. */
#define EPOCH_MAX (UINT64_C(1) << 53)
