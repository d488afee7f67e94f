# One hostd on a private bus, without policyd: recorded hardware, simulated hypervisor, real programs.
# A scenario sources this file, calls host_world and host_up, and ends with host_done.
#
# With XENVGPU_HOST=player the host is one of the benchmarks' host player, which is held to the same protocol. What a played host
# cannot have (processes, a disk, settings) stands in `if real "WHAT"; then`, which then says that it is left out.
# shellcheck shell=bash disable=SC2154,SC2034
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

PATH=$build/hostd:$build/hostd/domain:$build/hostd/dm:$build/tests/scenario/hostd:$PATH
PATH=$build/tests/lab/xenstored:$build/tests/lab/emulator:$build/tests/lab/qemu:$PATH
PATH=$build/tests/bench:$PATH
here=$work/host
host=${XENVGPU_HOST:-hostd}
case $host in
hostd) bus=unix:path=$work/bus ;;
player) bus=unix:path=$work/h0001 ;;
*) echo "XENVGPU_HOST is 'hostd' or 'player', not '$host'" >&2 && exit 2 ;;
esac
log=$here/log
pids=()
hostd_pid='' policy_pid=''
K100=0001:nvidia,0ff2,,0fe7,101e
K140Q=0001:nvidia,0ff2,,0ff7,1037
manager=(org.xenvgpu.Host1 /org/xenvgpu/Host1 org.xenvgpu.Host1.Manager)

# real WHAT   whether the host is a hostd; if not, says that WHAT is left out
real() {
        [ "$host" = hostd ] && return
        note "a played host has no part in this: $1"
        return 1
}

# --- the recorded machine ---

bytes() { printf '%b' "$(printf '\\x%s' "$@")"; }
# pgpu_function BDF DEVICE SUBSYSTEM   an NVIDIA display function: sysfs files with the ids of the board
pgpu_function() {
        local folder=$here/sysfs/devices/$1
        mkdir -p "$folder"
        printf '0x10de\n' >"$folder/vendor"
        printf '0x%s\n' "$2" >"$folder/device"
        printf '0x10de\n' >"$folder/subsystem_vendor"
        printf '0x%s\n' "$3" >"$folder/subsystem_device"
        printf '0x030000\n' >"$folder/class"
        printf '0xa1\n' >"$folder/revision"
        printf '0\n' >"$folder/irq"
        printf '0\n' >"$folder/boot_vga"
        for _ in 0 1 2 3 4 5 6; do printf '0x0000000000000000 0x0000000000000000 0x0000000000000000\n'; done >"$folder/resource"
        {
                bytes de 10 "${2:2:2}" "${2:0:2}" 07 00 10 00 a1 00 00 03 00 00 00 00
                head -c 28 /dev/zero
                bytes de 10 "${3:2:2}" "${3:0:2}"
                head -c 208 /dev/zero
        } >"$folder/config"
}

# type_file NAME VDEV VSUBDEV FRAMEBUFFER HEADS INSTANCES RESOLUTION
type_file() {
        cat >"$here/types/vgx/$1.conf" <<END
# $1
plugin0.pdev_id "0x0FF2"
plugin0.vdev_id "0x$2:0x$3"
plugin0.framebufferlength $4
plugin0.num_heads $5
plugin0.max_instance $6
plugin0.max_resolution $7
END
}

# A host with one K1: four PGPUs, types K100 and K140Q.
host_world() {
        mkdir -p "$here"/{sysfs/devices,sysfs/slots,types/vgx,sim}
        for bus_number in 83 84 85 86; do pgpu_function "0000:$bus_number:00.0" 0ff2 1012; done
        type_file grid_k100 0FE7 101E 0x10000000 2 8 1920x1200
        type_file grid_k140q 0FF7 1037 0x3c000000 2 4 2560x1600
        cat >"$here/sim/host.json" <<END
{"memory_total":68719476736,"dom0_memory":4294967296,"cpus":16,"iommu":true,"networks":["xenbr0"],"storage":["/srv/images"],
 "boot_id_file":"$here/boot_id","hostname":"alpha"}
END
        new_boot
}
new_boot() { cat /proc/sys/kernel/random/uuid >"$here/boot_id"; }

# --- its daemons ---

start_bus() {
        cat >"$here/bus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>$bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*" eavesdrop="true"/></policy>
</busconfig>
END
        dbus-daemon --config-file="$here/bus.conf" --nofork --nopidfile --nosyslog 2>>"$log" &
        pids+=($!)
        wait_for 10 test -S "$work/bus"
}

start_xenstore() {
        XENSTORED_PATH=$work/xenstore
        export XENSTORED_PATH
        xenvgpu-lab-xenstored "$XENSTORED_PATH" >>"$log" 2>&1 &
        pids+=($!)
        wait_for 10 test -S "$XENSTORED_PATH"
}

# hostd [SETTING=VALUE]…   in the foreground
hostd() {
        local settings=()
        for setting in "$@"; do settings+=("--set=$setting"); done
        # `exec` in the caller's subshell: $! is hostd itself.
        exec xenvgpu-hostd --state="$here/state" --runtime="$here/run" --config="$here/hostd.conf" --set=bus="$bus" \
                --set=hypervisor=simulated --set=sim_dir="$here/sim" --set=units=process --set=sysfs_path="$here/sysfs" \
                --set=vga_arbiter= --set=ovsdb= --set=nvidia_conf_dir="$here/types/vgx" --set=nvidia_xml="$here/types/vgpuConfig.xml" \
                --set=gvtg_list="$here/types/gvt-g" --set=mxgpu_list="$here/types/mxgpu" \
                --set=domain_program="$(command -v xenvgpu-domain)" --set=dm_program="$(command -v xenvgpu-dm)" \
                --set=emulator="$(command -v xenvgpu-lab-emulator)" --set=qemu="$(command -v xenvgpu-lab-qemu)" "${settings[@]}"
}

# Not `busctl status`, which wants a mounted cgroup file system.
on_bus() {
        busctl --address="$bus" call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus NameHasOwner s org.xenvgpu.Host1 |
                grep -qx "b true"
}
call() { busctl --address="$bus" --json=short call "${manager[@]}" "$@"; }
property() { busctl --address="$bus" get-property "${manager[@]}" "$1"; }

start_hostd() {
        (hostd "$@") >>"$log" 2>&1 &
        hostd_pid=$!
        wait_for 20 on_bus || {
                fail "hostd comes up"
                host_done
        }
}
stop_hostd() {
        kill -TERM "$hostd_pid"
        wait "$hostd_pid"
        hostd_status=$?
}
kill_hostd() {
        kill -KILL "$hostd_pid"
        wait "$hostd_pid" 2>/dev/null
}

# Four PGPUs at the addresses of host_world, and its memory.
start_player() {
        xenvgpu-host-player --memory=64424509440 "$work" 1 4 >"$here/player" 2>>"$log" &
        hostd_pid=$!
        wait_for 20 grep -q ready "$here/player" || {
                fail "the host player comes up"
                host_done
        }
}

host_up() {
        if [ "$host" = player ]; then
                start_player
                return
        fi
        start_bus
        start_xenstore
        start_hostd "$@"
}

# --- a policyd ---

# One connection that commands: policy COMMAND… leaves its answer in $answer.
policy_up() {
        coproc POLICY { xenvgpu-host-client "$bus" "$here/signals" 2>>"$log"; }
        policy_pid=$POLICY_PID
        : >>"$here/signals"
}
policy() {
        printf '%s\n' "$*" >&"${POLICY[1]}"
        IFS= read -r answer <&"${POLICY[0]}"
}
policy_down() {
        [ -n "$policy_pid" ] || return 0
        kill "$policy_pid" 2>/dev/null
        wait "$policy_pid" 2>/dev/null
        policy_pid=
}
# policy_ok WHAT COMMAND… / policy_refused WORD WHAT COMMAND…
policy_ok() {
        local what=$1
        shift
        policy "$@"
        like "$answer" '^ok' "$what"
}
policy_refused() {
        local word=$1 what=$2
        shift 2
        policy "$@"
        like "$answer" "^error org\\.xenvgpu\\.Error\\.$word: .+[.]\$" "$what"
}

isnt() { # GOT UNWANTED WHAT
        if [ "$1" != "$2" ]; then pass "$3"; else fail "$3"; fi
}
fails() { # WHAT COMMAND…
        local what=$1
        shift
        if "$@" >"$out" 2>"$err"; then fail "$what"; else pass "$what"; fi
}
uuid() { cat /proc/sys/kernel/random/uuid; }

# start_order EPOCH TOKEN VM NAME MEMORY_MIB [VGPUS [PCIS]]
start_order() {
        printf '{"version":1,"epoch":%s,"token":"%s","vm":{"uuid":"%s","name_label":"%s","config":{"c_info":{"type":"hvm","name":"%s"},"b_info":{"max_vcpus":1,"max_memkb":%d,"target_memkb":%d,"type.hvm":{}}}},"vgpus":[%s],"pcis":[%s]}' \
                "$1" "$2" "$3" "$4" "$4" $(($5 * 1024)) $(($5 * 1024)) "${6:-}" "${7:-}"
}
# vgpu VM BUS CONF [DEVICE]   on 0000:BUS:00.0
vgpu() {
        printf '{"id":["%s","%s"],"position":0,"physical_pci_address":{"domain":0,"bus":%d,"dev":0,"fn":0},"implementation":["Nvidia",{"virtual_pci_address":{"domain":0,"bus":0,"dev":%d,"fn":0},"config_file":"%s/types/vgx/%s.conf","uuid":"%s","extra_args":""}]}' \
                "$1" "${4:-0}" "0x$2" $((11 + ${4:-0})) "$here" "$3" "$(uuid)"
}
pci() { # VM BUS
        printf '{"id":["%s","0000:%s:00.0"],"position":0,"address":{"domain":0,"bus":%d,"dev":0,"fn":0}}' "$1" "$2" "0x$2"
}
stop_order() { # EPOCH TOKEN VM FORCE
        printf '{"version":1,"epoch":%s,"token":"%s","uuid":"%s","force":%s}' "$1" "$2" "$3" "$4"
}

inventory() { call GetInventory | jq -c '.data[0] | fromjson'; }
vm_state() { inventory | jq -r --arg vm "$1" '.vms[] | select(.uuid == $vm) | .state'; }
is_state() { [ "$(vm_state "$1")" = "$2" ]; }
is_over() { [ "$(inventory | jq --arg vm "$1" '[.vms[] | select(.uuid == $vm)] | length')" = 0 ]; }
# The events of one kind that came so far, one JSON a line.
events() { sed -n "s/^$1 //p" "$here/signals"; }
saw() { # KIND FILTER
        events "$1" | jq -e "select($2)" >/dev/null
}
# How many stand-ins of qemu run in this world.
qemus() {
        local pid n=0
        for pid in $(pgrep -f -- '^[^ ]*/xenvgpu-lab-qemu '); do
                grep -qzxF "XENSTORED_PATH=$XENSTORED_PATH" "/proc/$pid/environ" 2>/dev/null && n=$((n + 1))
        done
        echo $n
}

host_done() {
        policy_down
        kill "$hostd_pid" 2>/dev/null
        wait "$hostd_pid" 2>/dev/null
        # Before the bus and xenstore go from under them; the program of a VM that is over may still be leaving.
        wait_for 10 world_is_empty "${pids[@]}"
        is "$(world_left "${pids[@]}")" "" "no program of a VM is left"
        kill "${pids[@]}" 2>/dev/null
        wait "${pids[@]}" 2>/dev/null
        if grep -E -A 14 'AddressSanitizer|runtime error|LeakSanitizer' "$log" >"$out" 2>/dev/null; then
                fail "no sanitizer spoke up"
                head -n 60 "$out" | sed 's/^/# /'
        else pass "no sanitizer spoke up"; fi
        if [ $tap_failed != 0 ]; then
                note "end of hostd's log:"
                tail -n 40 "$log" | cut -c1-300 | sed 's/^/#   /'
        fi
        done_testing
}
