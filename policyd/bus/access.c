/*
 * Who may call what
 */

#include <unistd.h>

#include "common/base/text.h"
#include "policyd/bus/access.h"
#include "protocol/names.h"

static const struct {
        const char *method;
        Access access;
} rows[] = {
        {"GPUGroup.Destroy", ACCESS_CONFIGURE},
        {"GPUGroup.SetAllocationAlgorithm", ACCESS_CONFIGURE},
        {"GPUGroup.SetNameLabel", ACCESS_CONFIGURE},
        {"GPUGroup.SetNameDescription", ACCESS_CONFIGURE},
        {"GPUGroup.GetRemainingCapacity", ACCESS_EVERYBODY},
        {"GPUGroup.Plan", ACCESS_EVERYBODY},
        {"GPUGroup.GetFailuresToTolerate", ACCESS_EVERYBODY},
        {"GPUGroup.SetOtherConfig", ACCESS_CONFIGURE},
        {"GPUGroup.ChangeOtherConfig", ACCESS_CONFIGURE},
        {"Host.Remove", ACCESS_ADMINISTER},
        {"Host.Enable", ACCESS_ADMINISTER},
        {"Host.Disable", ACCESS_ADMINISTER},
        {"Host.Reconnect", ACCESS_ADMINISTER},
        {"Host.DeclareDead", ACCESS_ADMINISTER},
        {"Host.SetFingerprint", ACCESS_ADMINISTER},
        {"Host.SetNameDescription", ACCESS_ADMINISTER},
        {"Host.SetOtherConfig", ACCESS_ADMINISTER},
        {"Host.ChangeOtherConfig", ACCESS_ADMINISTER},
        {"Host.SetTags", ACCESS_ADMINISTER},
        {"Host.ChangeTags", ACCESS_ADMINISTER},
        {"Host.SetNameLabel", ACCESS_ADMINISTER},
        {"Job.Cancel", ACCESS_ALLOCATE},
        {"Manager.AddHost", ACCESS_ADMINISTER},
        {"Manager.CreateGPUGroup", ACCESS_CONFIGURE},
        {"Manager.CreateVM", ACCESS_CONFIGURE},
        {"Manager.ImportVM", ACCESS_CONFIGURE},
        {"Manager.AdoptVM", ACCESS_CONFIGURE},
        {"Manager.EndOutsideVM", ACCESS_ADMINISTER},
        {"Manager.CreateVGPU", ACCESS_ALLOCATE},
        {"Manager.Reserve", ACCESS_ALLOCATE},
        {"Manager.CreateQuota", ACCESS_ADMINISTER},
        {"Manager.CreateVMGroup", ACCESS_CONFIGURE},
        {"Manager.Find", ACCESS_EVERYBODY},
        {"Manager.List", ACCESS_EVERYBODY},
        {"Manager.Capacity", ACCESS_EVERYBODY},
        {"Manager.Metrics", ACCESS_EVERYBODY},
        {"Manager.ListOwners", ACCESS_EVERYBODY},
        {"Manager.RemoveRow", ACCESS_ADMINISTER},
        {"Manager.Check", ACCESS_EVERYBODY},
        {"Manager.CheckHostFailure", ACCESS_EVERYBODY},
        {"Manager.Backup", ACCESS_ADMINISTER},
        {"Manager.PoolKey", ACCESS_ADMINISTER},
        {"PGPU.SetGPUGroup", ACCESS_CONFIGURE},
        {"PGPU.AddEnabledVGPUType", ACCESS_CONFIGURE},
        {"PGPU.RemoveEnabledVGPUType", ACCESS_CONFIGURE},
        {"PGPU.SetEnabledVGPUTypes", ACCESS_CONFIGURE},
        {"PGPU.Adopt", ACCESS_CONFIGURE},
        {"PGPU.ClearHealth", ACCESS_CONFIGURE},
        {"PGPU.GetRemainingCapacity", ACCESS_EVERYBODY},
        {"PGPU.SetOtherConfig", ACCESS_CONFIGURE},
        {"PGPU.ChangeOtherConfig", ACCESS_CONFIGURE},
        {"Quota.SetVGPUsMax", ACCESS_ADMINISTER},
        {"Quota.SetSizeMax", ACCESS_ADMINISTER},
        {"Quota.Destroy", ACCESS_ADMINISTER},
        {"Reservation.Destroy", ACCESS_ALLOCATE},
        {"VGPU.Destroy", ACCESS_ALLOCATE},
        {"VGPU.SetExtraArgs", ACCESS_CONFIGURE},
        {"VGPU.SetOtherConfig", ACCESS_CONFIGURE},
        {"VGPU.ChangeOtherConfig", ACCESS_CONFIGURE},
        {"VM.Start", ACCESS_ALLOCATE},
        {"VM.StartOn", ACCESS_ALLOCATE},
        {"VM.Shutdown", ACCESS_ALLOCATE},
        {"VM.HardShutdown", ACCESS_ALLOCATE},
        {"VM.Reboot", ACCESS_ALLOCATE},
        {"VM.Ensure", ACCESS_ALLOCATE},
        {"VM.Explain", ACCESS_EVERYBODY},
        {"VM.ExplainStart", ACCESS_EVERYBODY},
        {"VM.Export", ACCESS_READ},
        {"VM.GetConfig", ACCESS_READ},
        {"VM.SetConfig", ACCESS_CONFIGURE},
        {"VM.SetNameLabel", ACCESS_CONFIGURE},
        {"VM.SetAffinity", ACCESS_CONFIGURE},
        {"VM.SetOwner", ACCESS_ADMINISTER},
        {"VM.SetGroups", ACCESS_CONFIGURE},
        {"VM.Destroy", ACCESS_CONFIGURE},
        {"VM.SetNameDescription", ACCESS_CONFIGURE},
        {"VM.SetPlatform", ACCESS_CONFIGURE},
        {"VM.ChangePlatform", ACCESS_CONFIGURE},
        {"VM.SetOtherConfig", ACCESS_CONFIGURE},
        {"VM.ChangeOtherConfig", ACCESS_CONFIGURE},
        {"VM.SetTags", ACCESS_CONFIGURE},
        {"VM.ChangeTags", ACCESS_CONFIGURE},
        {"VMGroup.SetNameLabel", ACCESS_CONFIGURE},
        {"VMGroup.SetNameDescription", ACCESS_CONFIGURE},
        {"VMGroup.SetPlacement", ACCESS_CONFIGURE},
        {"VMGroup.Destroy", ACCESS_CONFIGURE},
};

DEFINE_WORD_TABLE(access_words, ACCESS_ACTIONS)

const char *access_action(Access a) {
        return word_of_value(&access_words, (int) a);
}

const char *access_nth(size_t n, Access *ret) {
        if (n >= ARRAY_SIZE(rows))
                return NULL;
        *ret = rows[n].access;
        return rows[n].method;
}

Access access_of(const char *interface, const char *member) {
        const char *class = interface ? startswith(interface, POLICY_BUS_NAME ".") : NULL;

        for (size_t i = 0; class && i < ARRAY_SIZE(rows); i++) {
                const char *rest = startswith(rows[i].method, class);

                if (rest && *rest == '.' && streq(rest + 1, member))
                        return rows[i].access;
        }
        return ACCESS_ADMINISTER;
}

bool access_is_free(const Who *who, uint32_t gid) {
        return who->uid == 0 || who->uid == geteuid() || (gid != UINT32_MAX && who_is_in_group(who, gid));
}

static const char *describe(PolkitAnswer answer) {
        switch (answer) {
        case POLKIT_YES:
        case POLKIT_NO:
        case POLKIT_ASKS:
                return "polkit does not allow it";
        case POLKIT_ABSENT:
                return "there is no polkit here to ask";
        case POLKIT_SILENT:
                return "polkit did not answer in time";
        case POLKIT_FAULTY:
                break;
        }
        return "polkit could not say";
}

char *access_refusal(const Who *who, const char *member, Access access, PolkitAnswer answer, const char *group) {
        return text_printf("%s needs the action %s, and %s does not have it: %s. Members of the group %s may: as root, \"usermod -aG %s "
                           "%s\", and log in again. A rule of polkit can allow the action alone "
                           "(/usr/share/doc/xenvgpu-policyd/examples/60-xenvgpu-allocate.rules).",
                member, access_action(access), who->user, describe(answer), group, group, who->user);
}
