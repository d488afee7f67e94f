# What scenarios of a pair share, beside lib.sh: machine two, the harness outside, and a pool of two hosts over ssh.
# They run on machine one, which is the master and the host "one". Machine two is commanded over a network of its own, which the harness never cuts.
# shellcheck shell=bash
. /run/xen-test/dom0/lib.sh

# --- machine two, and the harness -----------------------------------------------------------------

to_two=(ssh -F /run/xen-test/dom0/ssh-config)
# two COMMAND…: there; also a function of lib.sh, such as `said`
two() { "${to_two[@]}" -n two "/run/xen-test/dom0/there $(printf '%q ' "$@")"; }
forget_two() { "${to_two[@]}" -O exit two >/dev/null 2>&1; }
two_boot() { two cat /proc/sys/kernel/random/boot_id; }
# outside REQUEST: the harness does it (tests/xen/lane has which), and has done it when this returns
outside() {
        local answer= port
        exec {port}<>/dev/virtio-ports/ask
        echo "$*" >&"$port"
        read -rt 60 -u "$port" answer
        exec {port}>&-
        [ "$answer" = "$*" ] || fail "the harness did: $* (it said '$answer')"
}
is_ready() { two test -e /run/xen-test/ready && two is_owned org.xenvgpu.Host1; }
# It answers in another boot than the one before.
two_is_another() { # BOOT
        local now
        forget_two
        now=$(two_boot) && [ -n "$now" ] && [ "$now" != "$1" ]
}
# After its reset.
ready_two() {
        within $PATIENCE "its hostd runs" is_ready
        two xenstore-write /lab/sim-dir "$faults"
        free_of_two=$(two free_memory)
}

# --- the pool -------------------------------------------------------------------------------------

# block PAGE N [FROM TO]…: the Nth block of docs/PAGE.md that is marked "container", with what stands for the words of the page
block() {
        local page=$1 n=$2 edits=()
        shift 2
        while [ $# -ge 2 ]; do
                edits+=(-e "s|\\b$1\\b|$2|g")
                shift 2
        done
        awk -v n="$n" '/^```/ { inside = !inside; on = inside && / container$/ && ++seen == n; next } on' "/run/xen-test/docs/$page.md" |
                sed -e '' "${edits[@]}"
}
is_online() { [ "$(field host "$1" state)" = online ]; }
both_are_online() { is_online one && is_online two; }
reason_of() { field host "$1" state-reason; }
# The pool as docs/several-hosts.md has it set up, once for all scenarios. Without checks of its own: scenarios/pair has them.
pool_of_two() {
        xenstore-write /lab/sim-dir "$faults"
        within 900 "machine two is ready" is_ready
        two xenstore-write /lab/sim-dir "$faults"
        wait_for $PATIENCE is_owned org.xenvgpu.Host1 && wait_for $PATIENCE is_owned org.xenvgpu.Policy1 || fail "both daemons are on machine one's bus"
        if [ -z "$(xenvgpu host-list name-label=two --minimal)" ]; then
                xenvgpu host-add name=one address=system >"$out" 2>"$err" || fail "host-add one: $(cat "$err")"
                two bash -c "$(block several-hosts 2 KEY "$(key_of_pool)")" >"$out" 2>"$err" || fail "xenvgpu-accept-master: $(cat "$err")"
                bash -c "$(block several-hosts 3 HOST two FINGERPRINT "$(fingerprint_of_two)")" >"$out" 2>"$err" || fail "host-add two: $(cat "$err")"
        fi
        within $PATIENCE "both hosts are online in the pool" both_are_online
        free_of_two=$(two free_memory)
}
key_of_pool() { xenvgpu pool-key | sed -n "s/^xenvgpu-accept-master '\(.*\)'\$/\1/p"; }
fingerprint_of_two() { two ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2; }

# A VM whose disk both hosts have, as from a shared storage.
vm_of_two() { # NAME [GROUP TYPE]…
        vm "$@"
        two sh -c "cp /run/xen-test/guest.disk $guests/$1.disk && sync"
}
host_of() { xenvgpu vm-list uuid="$1" params=resident-on-name-label --minimal; }
is_on() { [ "$(host_of "$1")" = "$2" ]; }
# How many domains of that name both have together.
lives() { { domains; two domains; } | grep -cx "$1"; }
is_once() { [ "$(lives "$1")" = 1 ]; }

# --- what must be true of both --------------------------------------------------------------------

# differences_of HOST FOLDER: those of its VMs, less VMs that run on the other host, and their VGPUs
differences_of() {
        jq --arg host "$1" '[.[] | select(."power-state" == "halted" or ."resident-on-name-label" == $host)]' "$work/vms" >"$2/vms"
        jq --slurpfile all "$work/vms" --slurpfile mine "$2/vms" \
                '([$all[0][].uuid] - [$mine[0][].uuid]) as $others | [.[] | select(."vm-uuid" | IN($others[]) | not)]' "$work/vgpus" >"$2/vgpus"
        differences "$2" | sed "s/^/$1: /"
}
machine_agrees() {
        local found
        mkdir -p "$work/one" "$work/two"
        look_at_machine "$work/one" && two look_as_tar | tar -x -C "$work/two" && ask_policyd "$work" || return 1
        found=$(differences_of one "$work/one"; differences_of two "$work/two"
                jq -r '.[] | select(."power-state" != "halted" and (."resident-on-name-label" | IN("one", "two") | not)) | "on no host: \(."name-label")"' "$work/vms")
        [ ! -e "$state/told" ] || found=$(grep -vxFf "$state/told" <<<"$found")
        [ -z "$found" ] || { echo "$found"; return 1; }
}
nothing_left() {
        machine_agrees || return 1
        [ "$(cat "$work/one/xl" "$work/two/xl" | wc -l)" = 4 ] || { echo "domains: $(domains) $(two domains)"; return 1; }
}
# Of machine two since its last boot.
memory_is_back() {
        local now there
        now=$(free_memory) there=$(two free_memory)
        echo "$free_at_first and $free_of_two MiB before, $now and $there MiB now"
        [ $((free_at_first - now)) -le 2 ] && [ $((${free_of_two:-0} - there)) -le 2 ]
}
