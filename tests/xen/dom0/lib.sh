# What scenarios in dom0 share: TAP, waiting, the pool, VMs with our own guest, and what must be true between any two scenarios.
# Driven by xenvgpu and busctl as an administrator would; xl, xenstore, ps and sysfs only to look.
# A scenario sources this file, checks with `is`, `like`, `works`, `refused`, `within`, and ends with `finish`, which looks for what it left.
# shellcheck shell=bash

set -u
export LC_ALL=C.UTF-8
part=${PART:-1}
state=/var/lib/xen-test
guests=/var/lib/xen-test-guests
argv=/run/xen-test/argv
faults=/run/xen-test/faults
work=$(mktemp -d /run/xen-test/scenario.XXXXXX)
out=$work/out err=$work/err
tap_n=0 tap_failed=0
free_memory() { xl info 2>/dev/null | awk '/^free_memory/ { print $3 }'; } # MiB
[ -n "${free_at_first+set}" ] || free_at_first=$(free_memory)
mkdir -p "$guests" "$argv" "$faults"
exec {nobody}<> <(:) # read from with a time limit: a pause that needs no process, of which each costs a tenth of a second here

K1="Group of NVIDIA Corporation GK107GL [GRID K1] GPUs"
K2="Group of NVIDIA Corporation GK104GL [GRID K2] GPUs"
K4000="Group of NVIDIA Corporation GK106GL [Quadro K4000] GPUs"
# Everything takes long in an emulated machine, and longer where it shares its processors.
PATIENCE=${PATIENCE:-240}

# --- TAP ------------------------------------------------------------------------------------------

note() { printf '# %s\n' "$*"; }
# Each check with the second of the machine's life in which it was made.
check() { # RESULT TEXT
        local now
        read -r now _ </proc/uptime
        tap_n=$((tap_n + 1))
        printf '%s %d - %s (%s)\n' "$1" $tap_n "$2" "${now%.*}"
}
pass() { check ok "$*"; }
fail() {
        tap_failed=$((tap_failed + 1))
        check "not ok" "$*"
}
is() { # GOT WANTED WHAT
        if [ "$1" = "$2" ]; then pass "$3"; else
                fail "$3"
                note "got:    $1"
                note "wanted: $2"
        fi
}
like() { # GOT PATTERN WHAT
        if printf '%s' "$1" | grep -qE -- "$2"; then pass "$3"; else
                fail "$3"
                note "got:     $1"
                note "pattern: $2"
        fi
}
works() { # WHAT COMMAND…
        local what=$1
        shift
        if "$@" >"$out" 2>"$err"; then pass "$what"; else
                fail "$what (status $?)"
                note "command: $*"
                head -n 5 "$err" | sed 's/^/# /'
        fi
}
refused() { # CODE WHAT COMMAND…   status 1 and "error: CODE: a sentence."
        local code=$1 what=$2 status=0
        shift 2
        "$@" >"$out" 2>"$err" || status=$?
        if [ $status = 1 ] && grep -qE "^error: $code: .+[.!?)]\$" "$err"; then pass "$what"; else
                fail "$what"
                note "command: $*"
                note "wanted:  status 1 and error: $code: …"
                note "got:     status $status: $(head -n 3 "$err" | tr '\n' ' ')"
        fi
}
wait_for() { # SECONDS COMMAND…
        local end=$((EPOCHSECONDS + $1))
        shift
        until "$@" >"$work/waited" 2>&1; do
                [ $EPOCHSECONDS -lt $end ] || return 1
                read -rt 0.5 -u "$nobody" || true
        done
}
within() { # SECONDS WHAT COMMAND…
        local seconds=$1 what=$2
        shift 2
        if wait_for "$seconds" "$@"; then pass "$what"; else
                fail "$what (not within $seconds s)"
                note "command: $*"
                head -n 5 "$work/waited" | sed 's/^/# /'
        fi
}
uptime_ms() {
        local seconds
        read -r seconds _ </proc/uptime
        echo $((10#${seconds/./} * 10))
}

# The end of a scenario, wherever it ends: what still runs is ended, and nothing of it may be left.
finish() {
        # shellcheck disable=SC2046
        kill $(jobs -p) 2>/dev/null
        no_fault
        remove_vms
        within 120 "nothing is left: domains, emulators, qemus, functions, keys, files, run folders" nothing_left
        [ -z "$free_at_first" ] || within 60 "Xen has as much free memory as before" memory_is_back
        # It is told once: the scenarios behind this one would only wait in vain for what they did not leave.
        [ $tap_failed = 0 ] || machine_agrees >>"$state/told"
        rm -rf "$work"
        [ $tap_failed = 0 ] || exit 1
        exit 0
}
# The machine restarts, and the scenario is run again with $part = PART.
restart_machine() { # PART
        rm -rf "$work"
        [ $tap_failed = 0 ] || touch "$state/failed-before"
        echo "$1" >"$state/part"
        exit 75
}

# --- the pool -------------------------------------------------------------------------------------

field() { xenvgpu "$1-param-get" uuid="$2" param-name="$3"; }
# By the present hostd's word too: after its restart policyd has claimed it anew.
is_claimed() { busctl --system get-property org.xenvgpu.Host1 /org/xenvgpu/Host1 org.xenvgpu.Host1.Manager Claimer | grep -q ':'; }
host_is_online() { is_claimed && [ "$(field host dom0 state)" = online ]; }
is_owned() { busctl --system status "$1" >/dev/null; }
hostd_call() { busctl --system -j call org.xenvgpu.Host1 /org/xenvgpu/Host1 org.xenvgpu.Host1.Manager "$@"; }
inventory() { hostd_call GetInventory | jq -r '.data[0]'; }
pgpus() { xenvgpu pgpu-list gpu-group-name-label="$1" --minimal | tr ',' ' '; }
capacity_of() { xenvgpu gpu-group-get-remaining-capacity uuid="$1" vgpu-type-uuid="$2"; } # GROUP TYPE

# What hostd tells, from now on: `events` filters it, `last_event` shows the newest that the filter lets through.
watch_events() {
        : >"$work/events"
        busctl --system monitor --json=short --match "type='signal',interface='org.xenvgpu.Host1.Manager'" >>"$work/events" 2>"$work/monitor" &
        wait_for $PATIENCE grep -q Monitoring "$work/monitor" || fail "busctl monitors hostd's events"
}
forget_events() { : >"$work/events"; }
events() { # MEMBER FILTER
        jq -rc --arg member "$1" "select(.member == \$member) | .payload.data[0] | fromjson | $2" "$work/events" 2>/dev/null
}
last_event() { events "$@" | tail -n 1; }
is_last_event() { [ "$(last_event "$1" "$2")" = "$3" ]; } # MEMBER FILTER WANTED

# The two daemons, this host in the pool. The faults of the emulator's stand-in are found by way of xenstore.
pool_up() {
        xenstore-write /lab/sim-dir "$faults"
        wait_for $PATIENCE is_owned org.xenvgpu.Host1 && wait_for $PATIENCE is_owned org.xenvgpu.Policy1 || {
                fail "both daemons are on the bus"
                return
        }
        if [ -z "$(xenvgpu host-list name-label=dom0 --minimal)" ]; then
                xenvgpu host-add name=dom0 address=system >"$out" 2>"$err" || fail "host-add: $(cat "$err")"
        fi
        within $PATIENCE "the host is online in the pool" host_is_online
}

# --- VMs ------------------------------------------------------------------------------------------

# config_of NAME MEMORY-MIB: a libxl config with the guest's disk, and its serial port in a file. qemu alone serves the disk: libxl's scripts
# for a loop device take seconds here.
config_of() {
        cp /run/xen-test/guest.disk "$guests/$1.disk"
        : >"$guests/$1.serial"
        jq -n --arg name "$1" --arg disk "$guests/$1.disk" --arg serial "file:$guests/$1.serial" --argjson kib $(($2 * 1024)) '{
                c_info: { type: "hvm", name: $name },
                b_info: { max_vcpus: 1, avail_vcpus: [0], max_memkb: $kib, target_memkb: $kib,
                        "type.hvm": { boot: "c", serial: $serial, vnc: { enable: "False" } } },
                disks: [ { pdev_path: $disk, vdev: "hda", backend: "qdisk", format: "raw", readwrite: 1 } ],
                on_poweroff: "destroy", on_reboot: "restart", on_crash: "destroy" }' >"$work/$1.json"
        echo "$work/$1.json"
}
# xl_config NAME [LINE]…: the same for xl, whose domains are a stranger's.
xl_config() {
        local name=$1
        shift
        cp /run/xen-test/guest.disk "$guests/$name.disk"
        : >"$guests/$name.serial"
        printf '%s\n' "name='$name'" "type='hvm'" "memory=${memory:-48}" "videoram=16" "vga='none'" "vcpus=1" "vnc=0" "boot='c'" \
                "serial='file:$guests/$name.serial'" "disk=['$guests/$name.disk,raw,hda,rw']" \
                "device_model_version='qemu-xen'" "device_model_override='/usr/local/bin/qemu-system-i386'" \
                "on_poweroff='destroy'" "on_reboot='restart'" "on_crash='preserve'" "$@" >"$work/$name.cfg"
        echo "$work/$name.cfg"
}
# vm NAME [GROUP TYPE]…     TYPE "passthrough": the whole GPU. $memory MiB, 48 unless set.
vm() {
        local name=$1 type
        shift
        xenvgpu vm-create name-label="$name" memory="${memory:-48}MiB" vcpus=1 \
                config=@"$(config_of "$name" "${memory:-48}")" >"$out" 2>"$err" || { fail "vm $name: $(cat "$err")"; return; }
        while [ $# -ge 2 ]; do
                type=(vgpu-type-uuid="$2")
                [ "$2" != passthrough ] || type=()
                xenvgpu vgpu-create vm-uuid="$name" gpu-group-uuid="$1" "${type[@]}" >"$out" 2>"$err" || fail "vgpu of $name: $(cat "$err")"
                shift 2
        done
}
start() { xenvgpu vm-start uuid="$1" "${@:2}"; }
stop() { xenvgpu vm-shutdown uuid="$1" force=true; }
power() { xenvgpu vm-param-get uuid="$1" param-name=power-state; }
is_power() { [ "$(power "$1")" = "$2" ]; }
uuid_of() { xenvgpu vm-list name-label="$1" --minimal; }
vgpu_of() { xenvgpu vgpu-list vm-name-label="$1" --minimal; }
remove_vms() {
        local vm
        for vm in $(xenvgpu vm-list --minimal | tr ',' ' '); do
                [ "$(power "$vm")" = halted ] || stop "$vm" >/dev/null 2>"$err" || note "stop $vm: $(cat "$err")"
                xenvgpu vm-destroy uuid="$vm" >/dev/null 2>"$err" || fail "vm-destroy $vm: $(cat "$err")"
        done
}

# The guest's side: what it printed, and what it is told through its disk (see guest.S). Before it is told anything, what it printed
# is forgotten, so that "guest alive" is the next life's. (Each qemu begins the file anew.)
said() { grep -qaE -- "$2" "$guests/$1.serial"; }       # NAME PATTERN
count_said() { grep -caE -- "$2" "$guests/$1.serial"; } # NAME PATTERN
tell() {                                                # NAME LETTER
        : >"$guests/$1.serial"
        printf '%s' "$2" | dd of="$guests/$1.disk" bs=1 seek=512 conv=notrunc status=none
}

# The host's side.
domid_of() { xl domid "$1" 2>/dev/null; }
domains() { xl list 2>/dev/null | awk 'NR > 1 && $2 != 0 { print $1 }' | LC_ALL=C sort; }
emulators() { pgrep -f '^/usr/local/lib/xen-test/emulator ' | wc -l; }
emulator_of() { xenstore-read "/local/domain/$(domid_of "$1")/vgpu-pid"; }
qemu_of() { xenstore-read "/local/domain/$(domid_of "$1")/image/device-model-pid"; }
leases() { jq -r '.stopped[]' /run/xenvgpu/lease.json 2>/dev/null; }
driver_of() { basename "$(readlink "/sys/bus/pci/devices/$1/driver" || echo none)"; }
assignable() { xl pci-assignable-list 2>/dev/null | LC_ALL=C sort; }
set_fault() { printf '{"emulator":"%s"}\n' "$1" >"$faults/faults.json"; }
no_fault() { rm -f "$faults/faults.json" /run/xen-test/qemu-fault; }

# --- what must be true whenever nothing is under way ----------------------------------------------

# The model in policyd and the machine say the same: agree.jq says what is compared.
# look_at_machine FOLDER: what is to be seen of the VMs on this machine, as files
look_at_machine() {
        local function
        xl list >"$1/xl" || return 1
        hostd_call GetInventory >"$1/host" || return 1
        xenstore-ls -f >"$1/keys"
        systemctl list-units --all --plain --no-legend 'xenvgpu-domain@*' >"$1/units"
        ps -eo args= >"$1/processes"
        ls /var/lib/xen /run/xen >"$1/files" 2>/dev/null
        ls /run/xenvgpu/vm >"$1/folders" 2>/dev/null
        for function in /sys/bus/pci/drivers/pciback/*:*; do [ ! -e "$function" ] || echo "${function##*/}"; done >"$1/pciback"
        echo '[]' >"$1/long"
        [ ! -s "$1/pciback" ] || xl list -l >"$1/long"
        : >"$1/owed"
        ! grep -q '"stopped":[^]]*"' /run/xenvgpu/lease.json 2>/dev/null || cp /run/xenvgpu/lease.json "$1/owed"
}
ask_policyd() { # FOLDER
        xenvgpu vm-list --json params=uuid,name-label,power-state,resident-on-name-label >"$1/vms" &&
                xenvgpu vgpu-list --json params=uuid,type-model-name,vm-uuid,resident-on,scheduled-to-be-resident-on >"$1/vgpus"
}
differences() { # FOLDER
        local -a files=()
        local name
        for name in xl keys units processes files folders pciback owed; do files+=(--rawfile $name "$1/$name"); done
        for name in vms vgpus host long; do files+=(--slurpfile $name "$1/$name"); done
        jq -nr -f /run/xen-test/dom0/agree.jq "${files[@]}" || echo "agree.jq failed"
}
machine_agrees() {
        local found
        look_at_machine "$work" && ask_policyd "$work" || return 1
        if [ ! -s "$work/pciback" ] && grep -q '"passthrough"' "$work/vgpus"; then xl list -l >"$work/long"; fi
        found=$(differences "$work")
        # Less what scenarios before this one have left and told.
        [ ! -e "$state/told" ] || found=$(grep -vxFf "$state/told" <<<"$found")
        [ -z "$found" ] || { echo "$found"; return 1; }
}
# Xen rounds to a MiB, and keeps some page tables of functions that were assigned once.
memory_is_back() {
        local now
        now=$(free_memory)
        echo "$free_at_first MiB before, $now MiB now"
        [ $((free_at_first - now)) -le 2 ]
}
# And with nothing running, nothing at all is left.
nothing_left() {
        machine_agrees || return 1
        [ "$(wc -l <"$work/xl")" = 2 ] || { echo "domains: $(domains)"; return 1; }
}
check_agreement() {
        within 60 "policyd's model and the machine agree" machine_agrees
        within 10 "the checker finds nothing" xenvgpu check
}
