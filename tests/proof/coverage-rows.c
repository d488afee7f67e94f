/*
 * The rows of docs/states.md, and where each is seen
 */

#include "tests/proof/coverage-private.h"

#define RECORD "A VM on a host, record"
#define PHASE "A VM on a host, phase"
#define STAGE "xenvgpu-domain, stage"
#define HAPPENS "xenvgpu-domain, what happens while it runs"
#define ADOPTED "xenvgpu-domain, it was at"
#define FUNCTIONS "xenvgpu-domain, the PGPU"
#define SUSPECTS "xenvgpu-domain, a suspect function"
#define FOUND "Orders, hostd finds at start"
#define FACT "The host's facts, fact"
#define CLAIM "The claim, call"
#define BOOKING "A booking, booking"
#define INSTANCE "An instance of a reservation, instance"
#define JOB_STAGE "policyd: jobs, stage"
#define COMES "policyd: jobs, what comes from the host"
#define REBOOT "policyd: jobs, a reboot"
#define FAILURE "policyd: jobs, the failure counts"
#define PLACE "policyd: jobs, a place"
#define A_START "policyd: a start as policyd sees it, step"
#define INVENTORY "What a claim's inventory changes, the inventory has"

#define IN_CLAIM(what) what " claim=free;" what " claim=held;" what " claim=away"

#define ROW(s, r, line) {.section = s, .row = r, .seen = line}
/* Seldom seen here: the test that always reaches it. */
#define ALSO(s, r, line, test) {.section = s, .row = r, .seen = line, .elsewhere = test}
#define BY(s, r, test) {.section = s, .row = r, .elsewhere = test}

const CoverageRow coverage_rows[] = {
        ROW(RECORD, "starting", "is=prepare|is=create"),
        ROW(RECORD, "running, paused", "is=running"),
        ROW(RECORD, "stopping", "is=stop|is=cleanup"),
        ROW(RECORD, "halted", "is=halted"),
        ROW(PHASE, "queued", "order=start code=none"),
        ROW(PHASE, "leasing", "phase=leasing"),
        ROW(PHASE, "launching", "phase=launching"),
        ROW(PHASE, "waiting", "phase=waiting"),
        ROW(PHASE, "followed", "phase=followed"),
        ROW(PHASE, "dead", "phase=dead"),
        ROW(PHASE, "cleaning", "phase=cleaning"),
        ROW(PHASE, "ending", "phase=ending"),

        ROW(FOUND, "an order of another boot", "finds=order-of-another-boot"),
        ROW(FOUND, "an order without a run folder", "finds=order-without-folder"),
        ROW(FOUND, "a run folder whose record is halted", "finds=halted"),
        ROW(FOUND, "a record that is not halted, its program alive", "finds=program-alive"),
        ALSO(FOUND, "a record that is not halted, its program dead; or no record", "finds=program-dead|finds=no-record", "unit-hostd-service-give-up"),
        ALSO(FOUND, "a record that cannot be read, a program that holds the folder's lock", "finds=unreadable-held", "unit-hostd-service-give-up"),
        ALSO(FOUND, "a record that cannot be read, no program, and the VM's domain is there", "finds=unreadable-domain", "unit-hostd-service-give-up"),
        ALSO(FOUND, "a run folder without an order", "finds=folder-without-order", "unit-hostd-service-host"),

        ROW("Units", "the program died, hostd runs", "died=hostd-runs"),
        ROW("Units", "the program died, hostd does not run", "died=without-hostd"),
        ROW("Units", "it exited with 0 (the VM is over) or 3 (another program holds the folder)", "program why=over|program why=busy"),
        ROW("Units", "hostd gives the VM up", "phase=cleaning"),

        ROW(FACT, "free memory", "property=MemoryFree"),
        BY(FACT, "networks", "unit-hostd-edge-facts"),
        BY(FACT, "storage", "unit-hostd-edge-facts"),
        ROW(FACT, "processors, HVM, IOMMU", "Host1.Manager.Rescan"),
        ROW(FACT, "GPUs and types", "Host1.Manager.Rescan"),
        ALSO(FACT, "whether a GPU answers", "health=lost", "scenario-lost-gpu"),
        ROW(FACT, "how a GPU is divided", "division=ours-4;division=fixed-4"),
        BY(FACT, "PCI functions that a VM's config may pass through (`pcidevs`): no bridges, no displays, nothing of a "
                             "PGPU: not its slot, not its virtual functions", "unit-hostd-edge-pci"),

        ROW(CLAIM, "reading, `Rescan`", IN_CLAIM("Host1.Manager.Rescan")),
        ROW(CLAIM, "changing types", IN_CLAIM("Host1.PGPU.SetEnabledTypes")),
        ROW(CLAIM, "`StartVM`, `StopVM`", IN_CLAIM("Host1.Manager.StartVM")),
        ROW(CLAIM, "`Release`", IN_CLAIM("Host1.Manager.Release")),

        ROW(STAGE, "prepare", "is=prepare"),
        ROW(STAGE, "create", "is=create"),
        ROW(STAGE, "emulator", "is=emulator"),
        ROW(STAGE, "qemu", "is=qemu"),
        ROW(STAGE, "unpause", "is=unpause"),
        ROW(STAGE, "running", "is=running"),
        ROW(STAGE, "crashed", "is=crashed"),
        ROW(STAGE, "stop", "is=stop"),
        ROW(STAGE, "dump", "is=dump"),
        ROW(STAGE, "cleanup", "is=cleanup"),
        ROW(STAGE, "wait", "is=wait"),
        ROW(STAGE, "halted", "is=halted"),
        ROW(HAPPENS, "the guest powers off", "is=halted reason=poweroff"),
        ROW(HAPPENS, "the guest reboots", "is=halted reason=reboot|again=reboot"),
        ROW(HAPPENS, "the guest crashes", "is=halted reason=crash"),
        ROW(HAPPENS, "the guest's own watchdog finds it dead", "guest ends=8"),
        ROW(HAPPENS, "the guest suspends itself", "is=halted reason=suspend"),
        ROW(HAPPENS, "a stop, however the guest then ends", "is=halted reason=stopped"),
        ROW(HAPPENS, "qemu dies, and the guest has not ended", "is=halted reason=device-model-died"),
        ROW(HAPPENS, "someone else destroys the domain (libxl pauses it and ends its qemu first, so the program waits up to 5 s for the rest)",
                "is=halted reason=destroyed"),
        ALSO(HAPPENS, "the emulator dies", "emulator=ends-while-running", "scenario-endings"),
        ALSO(ADOPTED, "prepare", "adopted=prepare", "unit-hostd-domain-state"),
        ALSO(ADOPTED, "create, emulator, qemu", "adopted=create;adopted=qemu", "unit-hostd-domain-state"),
        ALSO(ADOPTED, "unpause", "adopted=unpause", "unit-hostd-domain-state"),
        ROW(ADOPTED, "running, crashed", "adopted=running"),
        ALSO(ADOPTED, "stop", "adopted=stop", "unit-hostd-domain-state"),
        ALSO(ADOPTED, "dump", "adopted=dump", "unit-hostd-domain-state"),
        ROW(ADOPTED, "cleanup", "adopted=cleanup"),
        ALSO(ADOPTED, "wait", "adopted=wait", "unit-hostd-domain-state"),
        ROW(ADOPTED, "halted", "adopted=halted"),
        ROW(FUNCTIONS, "divided by hostd as the type says (`divisions/<address>`), and its functions exist", "result=done divided=kept"),
        ROW(FUNCTIONS, "without functions, or divided in another way and no VM has a function", "result=done divided=anew"),
        ALSO(FUNCTIONS, "divided in another way, and a VM has a function", "result=divided-in-another-way", "scenario-mxgpu"),
        ROW(FUNCTIONS, "divided by somebody else: functions, and no note", "result=done divided=fixed"),
        ROW(SUSPECTS, "a rescan, a start of hostd, `pgpu-clear-health`", "note=gone by=--look-at-functions"),
        ALSO(SUSPECTS, "`pgpu-clear-health`, and no VM has a function of the PGPU", "does=--look-at-functions divided=undone", "scenario-sriov-health"),
        ALSO(SUSPECTS, "the PGPU is divided in another way, or the host booted", "note=gone by=--choose-virtual-function", "scenario-sriov-health"),

        ROW(BOOKING, "none", "booking=none"),
        ROW(BOOKING, "reserved", "booking=reserved"),
        ROW(BOOKING, "sent", "booking=sent"),
        ROW(BOOKING, "resident", "booking=resident"),
        ROW(INSTANCE, "held", "hold=held"),
        ROW(INSTANCE, "used", "hold=used"),
        ROW(INSTANCE, "spent", "hold=spent"),

        ROW(JOB_STAGE, "booked", "stage=booked"),
        ROW(JOB_STAGE, "sent", "stage=sent"),
        ROW(JOB_STAGE, "accepted, then the host's own stages", "stage=accepted;stage=prepare|stage=create;stage=unpause"),
        ROW(JOB_STAGE, "cancelling", "stage=cancelling"),
        ROW(JOB_STAGE, "stopping", "stage=stopping"),
        ROW(COMES, "running", "operation=start result=done"),
        ROW(COMES, "halted", "operation=start result=cancelled;operation=hard-shutdown result=done"),
        ALSO(COMES, "refused, since a domain that is not of the pool has a PGPU of the order", "order=start code=PGPUInUseByVM", "scenario-strangers"),
        ALSO(COMES, "refused, and another host may do better (memory, capacity, networks, a host that is gone)",
                "order=start code=HostNotEnoughFreeMemory|order=start code=VMRequiresNet|order=start code=PGPUInsufficientCapacity", "policyd-service-starts"),
        ROW(COMES, "refused, or failed before its guest ran, and the cause is not in the request (emulator, qemu, the domain, the host's disk)",
                "stage=second-try:-booked|stage=second-try:-sent"),
        ROW(COMES, "refused for another reason, or failed after its guest was unpaused, or the host does not say which",
                "operation=start result=failed code=DomainFailed|operation=start result=failed code=FailedToStartEmulator"),
        ROW(COMES, "nothing, the link is lost", "operation=start result=failed code=HostOffline|result=failed code=HostOffline"),
        ROW(COMES, "an inventory under the current claim, without the VM", "inventory=nothing booking=sent|inventory=nothing booking=resident"),
        ROW(COMES, "`DeclareDead`", "declares-dead"),
        ROW(REBOOT, "the VM halted, however", "operation=reboot result=done"),
        BY(REBOOT, "the host comes back without the VM, in the first half", "policyd-service-reboots"),
        BY(REBOOT, "the host comes back without the VM, in the second half", "policyd-service-reboots"),
        ALSO(REBOOT, "the start fails", "operation=reboot result=failed code=DomainFailed|operation=reboot result=failed code=FailedToStartEmulator",
                "policyd-service-reboots"),
        BY(REBOOT, "policyd or hostd dies, in either half", "policyd-service-reboots"),
        ALSO(REBOOT, "cancelled in the first half", "operation=reboot result=cancelled", "policyd-service-reboots"),
        BY(REBOOT, "`DeclareDead`", "policyd-service-reboots"),
        ALSO(REBOOT, "a hard shutdown, or a forced reboot", "operation=reboot result=cancelled", "policyd-service-reboots"),
        BY(FAILURE, "not yet", "policyd-service-places"),
        ROW(FAILURE, "against its host and PGPUs", "pgpu-place=last;host-place=last"),
        BY(FAILURE, "against the host or PGPU that both VMs used", "policyd-service-places"),
        BY(FAILURE, "not at all", "policyd-service-places"),
        ROW(PLACE, "*last*", "pgpu-place=last"),
        BY(PLACE, "*suspect*: three VMs failed there, not counting those that failed on several hosts and started on none since; of a host, on "
               "more than one of its PGPUs", "policyd-service-places"),

        ROW(A_START, "decided", "dies-when=decided"),
        ROW(A_START, "committed", "dies-when=committed"),
        ROW(A_START, "handed to the link", "dies-when=handed"),
        ROW(A_START, "the host has answered", "dies-when=answered"),
        ROW(A_START, "running", "dies-when=running"),

        ROW(INVENTORY, "the VM with the booking's token", "inventory=token pool=here"),
        ALSO(INVENTORY, "the VM with another token / halted, or booked on a host that is offline",
                "inventory=other-token pool=halted|inventory=other-token pool=offline", "policyd-service-restarts"),
        ALSO(INVENTORY, "the VM with another token / booked on a host that was not heard from yet", "inventory=other-token pool=unheard", "policyd-service-outside"),
        ALSO(INVENTORY, "the VM with another token / booked on another host, and the order has not left yet, or still waits in the link's queue",
                "inventory=other-token pool=reserved", "policyd-service-outside"),
        ALSO(INVENTORY, "the VM with another token / booked on another host, which is online and may have the order",
                "inventory=other-token pool=online", "policyd-service-outside"),
        ROW(INVENTORY, "a VM that the pool does not know", "inventory=unknown"),
        ROW(INVENTORY, "the VM among the ended ones, with the booking's token", "inventory=ended pool=here"),
        ROW(INVENTORY, "nothing of the token / *sent* or *resident* here", "inventory=nothing booking=sent|inventory=nothing booking=resident"),
        ALSO(INVENTORY, "nothing of the token / *reserved*, or its order is still in the link's queue", "inventory=nothing booking=reserved", "policyd-service-restarts"),
        {},
};

const char *coverage_error_elsewhere(ErrorCode code) {
        static const char *const elsewhere[_ERROR_MAX] = {
                [ERROR_VM_PCI_BUS_FULL] = "policyd-core-rules",
                [ERROR_PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP] = "policyd-core-xapi-cases",
                [ERROR_PGPU_UNHEALTHY] = "policyd-core-places",
                [ERROR_VM_HAS_VGPU] = "scenario-xe-forms",
                [ERROR_VM_HAS_PCI_ATTACHED] = "scenario-reboot",
                [ERROR_ACCESS_DENIED] = "scenario-polkit",
                [ERROR_INTERNAL_ERROR] = "never: a fault of xenvgpu itself",
        };

        return elsewhere[code];
}
