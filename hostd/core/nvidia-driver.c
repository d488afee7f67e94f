/*
 * Which NVIDIA host drivers can give several VGPUs to one VM
 *
 * A version is two or more numbers with dots between; a missing one counts as 0. Comparing is by number, so
 * that 430.400 is newer than 430.200.
 */

#include "common/base/parse.h"
#include "hostd/core/nvidia-driver.h"

#define VERSION_PARTS_MAX 4
#define VERSION_TEXT_MAX 64
#define LIBRARY_NAME "libnvidia-vgpu.so."

const char *const nvidia_multi_vgpu_versions[] = { "430.42", "430.62", "440.00+", NULL };

typedef struct DriverVersion {
        uint32_t parts[VERSION_PARTS_MAX];
        bool or_newer;
} DriverVersion;

static int parse_version(const char *text, DriverVersion *ret) {
        DriverVersion v = {};
        char copy[VERSION_TEXT_MAX];
        size_t size = strlen(text), n = 0;
        char *rest = copy, *part;

        if (size == 0 || size >= sizeof(copy))
                return -EINVAL;
        memcpy(copy, text, size + 1);
        if (copy[size - 1] == '+') {
                v.or_newer = true;
                copy[size - 1] = '\0';
        }

        while ((part = strsep(&rest, ".")))
                if (n == VERSION_PARTS_MAX || parse_u32(part, &v.parts[n++]) < 0)
                        return -EINVAL;
        if (n < 2)
                return -EINVAL;

        *ret = v;
        return 0;
}

static int compare_versions(const DriverVersion *a, const DriverVersion *b) {
        for (size_t i = 0; i < VERSION_PARTS_MAX; i++)
                if (a->parts[i] != b->parts[i])
                        return a->parts[i] < b->parts[i] ? -1 : 1;
        return 0;
}

bool nvidia_driver_supports_multi_vgpu(const char *host_version, const char *const *allowed) {
        DriverVersion host;
        bool found = false;

        if (parse_version(host_version, &host) < 0 || host.or_newer)
                return false;

        for (; *allowed; allowed++) {
                DriverVersion v;
                int c;

                if (parse_version(*allowed, &v) < 0)
                        return false;
                c = compare_versions(&host, &v);
                if (c == 0 || (c > 0 && v.or_newer))
                        found = true;
        }
        return found;
}

const char *nvidia_driver_version_of_link(const char *target) {
        const char *slash = strrchr(target, '/');
        const char *version = startswith(slash ? slash + 1 : target, LIBRARY_NAME);

        return isempty(version) ? "0.0" : version;
}

bool nvidia_driver_version_is_whole(const char *version) {
        DriverVersion v;

        return !streq(version, "0.0") && parse_version(version, &v) >= 0 && !v.or_newer;
}
