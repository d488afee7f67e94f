# A real sshd on the loopback, for scenarios: its own host key, its own port, run by whoever runs the test (without PAM, and
# for that user only). ssh_up makes it and the client's side; the lab's policyd gets --set=policyd.ssh=$ssh_dir/ssh.
# shellcheck shell=bash

ssh_dir=$work/ssh
sshd_program=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd || true)
ssh_user=$(id -un)

sshd_is_there() { [ -n "$sshd_program" ] && command -v ssh >/dev/null && command -v systemd-stdio-bridge >/dev/null; }

# ssh_up: keys, configurations, and what each address leads to: a login at 127.0.0.N runs what $ssh_dir/hosts/127.0.0.N says
ssh_up() {
        ssh_port=$((20000 + RANDOM % 10000))
        mkdir -p "$ssh_dir/hosts" && chmod 700 "$ssh_dir"
        [ "$(id -u)" != 0 ] || mkdir -p /run/sshd # where sshd locks its unprivileged half in
        ssh-keygen -q -t ed25519 -N '' -f "$ssh_dir/host_key"
        ssh-keygen -q -t ed25519 -N '' -f "$ssh_dir/id"
        ssh-keygen -q -t ed25519 -N '' -f "$ssh_dir/other"
        cat >"$ssh_dir/sshd_config" <<CONF
Port $ssh_port
ListenAddress 0.0.0.0
HostKey $ssh_dir/host_key
PidFile none
AuthorizedKeysFile $ssh_dir/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 400
Banner $ssh_dir/banner
CONF
        printf '*** Authorized users only: your connection was refused no route timed out ***\n' >"$ssh_dir/banner"
        # The forced command of a host: the bridge to its bus. Where a scenario wants it, something else.
        cat >"$ssh_dir/login" <<'LOGIN'
#!/bin/bash
set -- $SSH_CONNECTION
exec bash "${0%/*}/hosts/$3"
LOGIN
        # The master's ssh, with its files here instead of in the user's home.
        cat >"$ssh_dir/ssh" <<CLIENT
#!/bin/bash
exec ssh -F none -oIdentityFile=$ssh_dir/id -oIdentitiesOnly=yes -oUserKnownHostsFile=$ssh_dir/known_hosts -oGlobalKnownHostsFile=none "\$@"
CLIENT
        chmod 755 "$ssh_dir/login" "$ssh_dir/ssh"
        : >"$ssh_dir/known_hosts"
        ssh_authorize id
}

ssh_authorize() { printf 'restrict,command="%s" %s\n' "$ssh_dir/login" "$(cat "$ssh_dir/$1.pub")" >"$ssh_dir/authorized_keys"; }
ssh_know() { for n in "$@"; do printf '[127.0.0.%s]:%s %s\n' "$n" "$ssh_port" "$(cut -d' ' -f1-2 "$ssh_dir/host_key.pub")"; done >"$ssh_dir/known_hosts"; }
# ssh_leads N COMMAND   what a login at 127.0.0.N runs
ssh_leads() { printf '%s\n' "$2" >"$ssh_dir/hosts/127.0.0.$1"; }
ssh_bridge() { printf 'exec systemd-stdio-bridge --bus-path=%s' "$1"; }
ssh_address() { printf 'ssh:%s@127.0.0.%s:%s' "$ssh_user" "$1" "$ssh_port"; }

sshd_start() {
        "$sshd_program" -D -e -f "$ssh_dir/sshd_config" >>"$ssh_dir/sshd.log" 2>&1 &
        sshd_pid=$!
        listens() { (: <"/dev/tcp/127.0.0.1/$ssh_port"); }
        wait_for 10 listens || fail "sshd listens: $(tail -n 3 "$ssh_dir/sshd.log")"
}

# As on a host that goes away: the listener and every session.
sshd_stop() {
        local sessions
        sessions=$(pgrep -P "$sshd_pid")
        kill "$sshd_pid"
        wait "$sshd_pid" 2>/dev/null
        # shellcheck disable=SC2086 # one for each login
        [ -z "$sessions" ] || kill $sessions 2>/dev/null
        true
}
