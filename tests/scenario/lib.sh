# Scenario tests: a world in the lab, driven by the command line and busctl, checked by what a user could see.
# TAP on stdout; `# …` lines say what went on. A scenario sources this file, calls lab_up and the checks, and ends with done_testing.
# shellcheck shell=bash

set -u
scenario_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${XENVGPU_BUILD:-$scenario_tree/build/asan}
PATH=$build/policyd/ctl:$build/tests/lab:$PATH
export LC_ALL=C.UTF-8
work=$(mktemp -d "${TMPDIR:-/tmp}/xvs.XXXXXX")
lab=$work/lab
. "$scenario_tree/tests/scenario/world.sh"
setsid -f "$scenario_tree/tests/scenario/world.sh" $$ <<<"$work" >/dev/null 2>&1
export XENVGPU_SCENARIO=$work
tap_n=0 tap_failed=0
out=$work/out err=$work/err

K1="Group of NVIDIA Corporation GK107GL [GRID K1] GPUs"
K2="Group of NVIDIA Corporation GK104GL [GRID K2] GPUs"

note() { printf '# %s\n' "$*"; }
pass() { tap_n=$((tap_n + 1)); printf 'ok %d - %s\n' $tap_n "$*"; }
fail() {
        tap_n=$((tap_n + 1))
        tap_failed=$((tap_failed + 1))
        printf 'not ok %d - %s\n' $tap_n "$*"
}

# is GOT WANTED WHAT
is() {
        if [ "$1" = "$2" ]; then pass "$3"; else
                fail "$3"
                note "got:    $1"
                note "wanted: $2"
        fi
}

# like GOT PATTERN WHAT    (extended regular expression)
like() {
        if printf '%s' "$1" | grep -qE -- "$2"; then pass "$3"; else
                fail "$3"
                note "got:     $1"
                note "pattern: $2"
        fi
}
unlike() {
        if printf '%s' "$1" | grep -qE -- "$2"; then
                fail "$3"
                note "got:        $1"
                note "unlike:     $2"
        else pass "$3"; fi
}

# works WHAT COMMAND…   status 0; stdout in $out
works() {
        local what=$1
        shift
        if "$@" >"$out" 2>"$err"; then pass "$what"; else
                fail "$what (status $?)"
                note "command: $*"
                sed 's/^/# /' "$err" | head -n 5
        fi
}

# refused CODE WHAT COMMAND…   status 1 and "error: CODE: a sentence."
refused() {
        local code=$1 what=$2 status=0
        shift 2
        "$@" >"$out" 2>"$err" || status=$?
        if [ $status = 1 ] && grep -qE "^error: $code: .+[.!?]\$" "$err"; then pass "$what"; else
                fail "$what"
                note "command: $*"
                note "wanted:  status 1 and error: $code: …"
                note "got:     status $status: $(head -n 3 "$err" | tr '\n' ' ')"
        fi
}

# within SECONDS WHAT COMMAND…   until the command is true
within() {
        local seconds=$1 what=$2
        shift 2
        if wait_for "$seconds" "$@"; then pass "$what"; else
                fail "$what (not within $seconds s)"
                note "command: $*"
        fi
}
wait_for() {
        local end=$(($(date +%s) + $1))
        shift
        until "$@" >/dev/null 2>&1; do
                [ "$(date +%s)" -lt "$end" ] || return 1
                sleep 0.1
        done
}

# monitor_up FILE [ADDRESS SERVICE]   what goes to and from the service, policyd if none is named, is a line of JSON each in FILE.
# It listens once it hears our own pings.
monitor_up() {
        local address=${2:-$XENVGPU_ADDRESS} service=${3:-org.xenvgpu.Policy1}
        busctl --address="$address" --json=short monitor "$service" >"$1" 2>/dev/null &
        monitor=$!
        is_heard() { busctl --address="$address" call "$service" / org.freedesktop.DBus.Peer Ping; [ -s "$1" ]; }
        wait_for 10 is_heard "$1" || fail "busctl monitors $service"
}
monitor_down() {
        kill "$monitor"
        wait "$monitor" 2>/dev/null
}

lab_up() {
        note "lab: $*"
        if xenvgpu-lab up "$lab" "$@" >"$out" 2>"$err"; then pass "the lab is up: $*"; else
                fail "the lab is up: $*"
                sed 's/^/# /' "$err" | tail -n 20
                tail -n 20 "$lab"/policyd/log "$lab"/hosts/*/log 2>/dev/null | sed 's/^/# /'
                done_testing
        fi
        eval "$(xenvgpu-lab env "$lab")"
}

# world_left [PID…]   what still runs of the world, but for these
world_left() {
        local left # complete before anything else looks: `ps` here carries the world's mark
        left=$(world_pids "$work")
        left=$(grep -vxF "$(printf '%s\n' none "$@")" <<<"$left")
        [ -z "$left" ] || ps -o pid=,args= -p "$(paste -sd, <<<"$left")"
}
world_is_empty() { [ -z "$(world_left "$@")" ]; }

# A scenario that ends with a pool that is not well sets expect_findings to a pattern of what is found.
expect_findings=
pool_is_well() {
        xenvgpu check >"$work/check" 2>&1 || [ $? = 1 ] || return 0 # there is no policyd to ask
        if [ -n "$expect_findings" ]; then ! grep -vE "$expect_findings|^[0-9]+ findings?: |^nothing found: " "$work/check"; else
                grep -q "^nothing found: " "$work/check"
        fi
}

done_testing() {
        if [ -d "$lab" ] && xenvgpu-lab env "$lab" >"$out" 2>&1 && xenvgpu status >"$out" 2>&1; then
                wait_for 10 pool_is_well || fail "the checker finds nothing at the end: $(head -n 3 "$work/check")"
        fi
        if [ $tap_failed != 0 ] && [ -d "$lab" ]; then
                for log in "$lab"/policyd/log "$lab"/hosts/*/log; do
                        note "end of $log:"
                        tail -n 25 "$log" 2>/dev/null | cut -c1-300 | sed 's/^/#   /'
                done
        fi
        xenvgpu-lab down "$lab" >"$out" 2>"$err" || { [ ! -d "$lab" ] || fail "lab down: $(head -n 2 "$err")"; }
        # The logs stay, with what a daemon leaked: that is told as it ends.
        if [ -d "$lab" ]; then
                if grep -lE 'AddressSanitizer|runtime error|LeakSanitizer' "$work"/lab*/policyd/log "$work"/lab*/hosts/*/log >"$out" 2>/dev/null; then
                        fail "no sanitizer spoke up"
                        xargs grep -hE -A 12 'AddressSanitizer|runtime error|LeakSanitizer' <"$out" | head -n 40 | sed 's/^/# /'
                else pass "no sanitizer spoke up"; fi
        fi
        is "$(world_left)" "" "nothing is left running"
        rm -rf "$work"
        echo "1..$tap_n"
        [ $tap_failed = 0 ] || exit 1
        exit 0
}

# --- worlds ---------------------------------------------------------------------------------------

# vm NAME [GROUP TYPE]…   a VM of 256 MiB; TYPE "passthrough": the whole GPU
vm() {
        local name=$1
        shift
        xenvgpu vm-create name-label="$name" memory="${VM_MEMORY:-256MiB}" vcpus=1 >"$out" 2>"$err" || return
        while [ $# -ge 2 ]; do
                if [ "$2" = passthrough ]; then
                        xenvgpu vgpu-create vm-uuid="$name" gpu-group-uuid="$1" >"$out" 2>"$err" || return
                else
                        xenvgpu vgpu-create vm-uuid="$name" gpu-group-uuid="$1" vgpu-type-uuid="$2" >"$out" 2>"$err" || return
                fi
                shift 2
        done
}
start() { xenvgpu vm-start uuid="$1" "${@:2}"; }
stop() { xenvgpu vm-shutdown uuid="$1" force=true; }
power() { xenvgpu vm-param-get uuid="$1" param-name=power-state; }
is_power() { [ "$(power "$1")" = "$2" ]; }
host_of() { xenvgpu vm-list name-label="$1" params=resident-on-name-label --minimal; }
field() { xenvgpu "$1-param-get" uuid="$2" param-name="$3"; }
pgpu() { xenvgpu pgpu-list host-name-label="$1" pci-id="$2" --minimal; }
# pgpus HOST   the uuids, by PCI id
pgpus() { xenvgpu pgpu-list host-name-label="$1" ${2:+gpu-group-name-label="$2"} --minimal | tr ',' ' '; }
is_online() { [ "$(field host "$1" state)" = online ]; }
capacity_of() { # GROUP TYPE
        xenvgpu gpu-group-get-remaining-capacity uuid="$1" vgpu-type-uuid="$2"
}

# What is on a host in processes: uuids of VMs whose run folder has a living qemu stand-in.
running_on() {
        local record pid
        for record in "$lab/hosts/$1/run/vm"/*/domain.json; do
                [ -e "$record" ] || continue
                pid=$(jq -r '.qemu.pid // 0' "$record" 2>/dev/null)
                [ "${pid:-0}" != 0 ] && [ -d "/proc/$pid" ] && basename "$(dirname "$record")"
        done | LC_ALL=C sort
}

# The pool map and the processes agree: each VM that policyd calls running runs on that host and nowhere else; every VGPU is
# resident or released, never both; nothing is scheduled.
pool_agrees() {
        local host uuid list
        : >"$work/model" >"$work/world"
        for host in "$lab"/hosts/*; do
                host=$(basename "$host")
                running_on "$host" | sed "s/\$/ $host/" >>"$work/world"
        done
        xenvgpu vm-list power-state=running --json params=uuid,resident-on-name-label |
                jq -r '.[] | "\(.uuid) \(.["resident-on-name-label"])"' | LC_ALL=C sort >"$work/model"
        LC_ALL=C sort -o "$work/world" "$work/world"
        diff "$work/model" "$work/world" >"$work/diff" || return 1
        [ "$(cut -d' ' -f1 "$work/world" | uniq -d)" = "" ] || return 1
        xenvgpu vgpu-list --json params=uuid,resident-on,scheduled-to-be-resident-on,currently-attached,vm-uuid >"$work/vgpus" || return 1
        jq -e 'all(.[]; .["scheduled-to-be-resident-on"] == "")' "$work/vgpus" >/dev/null || return 1
        jq -r '.[] | select(.["resident-on"] != "") | .["vm-uuid"]' "$work/vgpus" | LC_ALL=C sort -u >"$work/with"
        cut -d' ' -f1 "$work/model" >"$work/running"
        [ -z "$(LC_ALL=C comm -23 "$work/with" "$work/running")" ]
}
show_disagreement() {
        note "model and world differ:"
        sed 's/^/#   /' "$work/diff" 2>/dev/null | head -n 10
        jq -c '.[] | select(.["scheduled-to-be-resident-on"] != "")' "$work/vgpus" 2>/dev/null | head -n 5 | sed 's/^/#   scheduled: /'
}
