# A master and its hosts in two network namespaces, with tests/links/relay between them, and a real sshd on the hosts' side. The
# hosts are 10.99.1.1 to 10.99.1.254; what a login at one of them runs stands in $ssh_dir/hosts/ADDRESS. After sshd.sh.
# shellcheck shell=bash

net_up() {
        ip link set lo up
        unshare --net sleep infinity &
        net_pid=$!
        net_apart() { [ "$(readlink /proc/$net_pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
        wait_for 5 net_apart
        mkfifo "$work/relay.commands"
        "$scenario_tree/tests/links/relay" $net_pid "$work/relay.commands" >"$work/relay.out" 2>&1 &
        relay_pid=$!
        wait_for 10 grep -q ready "$work/relay.out" || return
        ip address add 10.99.0.1/24 dev tun-hosts && ip link set tun-hosts up && ip route add 10.99.1.0/24 dev tun-hosts
        on_hosts sh -ec 'ip link set lo up; ip link set tun-master up; ip route add local 10.99.1.0/24 dev lo; ip route add 10.99.0.0/24 dev tun-master src 10.99.1.1'
}
net_down() {
        kill $relay_pid
        wait $relay_pid 2>/dev/null
        kill $net_pid
        wait $net_pid 2>/dev/null
        note "the relay: $(tail -n 1 "$work/relay.out")"
}
on_hosts() { nsenter --target $net_pid --net "$@"; }
network() { printf '%s\n' "$*" >"$work/relay.commands"; }

host_at() { printf 'ssh:%s@10.99.1.%s:%s' "$ssh_user" "$1" "${2:-$ssh_port}"; }
host_leads() { printf '%s\n' "$2" >"$ssh_dir/hosts/10.99.1.$1"; }

# sshd_at NAME OPTION…   one more sshd on the hosts' side; its process is $sshd_NAME
sshd_at() {
        local name=$1
        shift
        (exec nsenter --target $net_pid --net "$sshd_program" -D -e -f "$ssh_dir/sshd_config" "$@") >>"$ssh_dir/sshd.log" 2>&1 &
        declare -g "sshd_$name=$!"
}
# With its sessions.
sshd_end() {
        local sessions
        sessions=$(pgrep -P "$1")
        kill "$1" 2>/dev/null
        wait "$1" 2>/dev/null
        # shellcheck disable=SC2086 # one for each login
        [ -z "$sessions" ] || kill $sessions 2>/dev/null
        true
}
