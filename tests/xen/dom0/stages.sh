# The stages of a VM: to hold a start in one, to see a VM there, and who may die meanwhile. Sourced after lib.sh.
# shellcheck shell=bash disable=SC2154

gpumon=xcp-rrdd-gpumon.service
folder_of() { echo "/run/xenvgpu/vm/$(uuid_of "$1")"; }

# What makes a start stay in a stage for some seconds. In create it does so by itself.
hold() { # STAGE
        case $1 in
        queued | lease) # the order is stored, and waits for the unit that monitors the GPUs; after half a second hostd says so
                printf '[Unit]\nDescription=Stands in for the GPU monitor\n[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep 5\n' \
                        >/run/systemd/system/$gpumon
                systemctl daemon-reload
                systemctl start $gpumon
                ;;
        emulator) set_fault slow=3000 ;;
        qemu) echo slow >/run/xen-test/qemu-fault ;;
        unpause) set_fault never-running ;;
        esac
}
let_go() { # STAGE
        no_fault
        if [ "$1" = queued ] || [ "$1" = lease ]; then
                within 120 "the unit that monitors GPUs runs again" systemctl is-active $gpumon
                rm -f /run/systemd/system/$gpumon
                systemctl kill -s KILL $gpumon
                systemctl stop $gpumon
                systemctl daemon-reload
        fi
}
is_stopping() { [ "$(systemctl is-active "$1")" = deactivating ]; }
is_told_of_lease() { xenvgpu job-list --json params=stage | jq -e 'any(.[]; .stage == "lease")'; }
# Into $now and $program, without a process of its own: some stages are short.
look_at_stage() { # FOLDER
        local record=
        { record=$(<"$1/domain.json"); } 2>/dev/null
        now=none program=
        [[ ! $record =~ \"stage\":\ ?\"([a-z]+)\" ]] || now=${BASH_REMATCH[1]}
        [[ ! $record =~ \"program\":\ ?\{\ ?\"pid\":\ ?([0-9]+) ]] || program=${BASH_REMATCH[1]}
}
# Until the VM has come to the stage: 1 when it was over before anyone saw it, which OVER tells.
meet() { # FOLDER STAGE [OVER]
        if [ "$2" = queued ] || [ "$2" = lease ]; then
                wait_for 60 is_stopping $gpumon || return 1
                [ "$2" = queued ] || wait_for 10 is_told_of_lease || return 1
                now=$2
                return
        fi
        for ((i = 0; i < 30000; i++)); do
                look_at_stage "$1"
                [ "$now" != "$2" ] || return 0
                [[ ! $now =~ ^(${3:-running})$ ]] || return 1
        done
        return 1
}

main_pid() { systemctl show -P MainPID "$1"; }
victim_pid() { # hostd|policyd|domain VM
        case $1 in
        hostd) main_pid xenvgpu-hostd ;;
        policyd) main_pid xenvgpu-policyd ;;
        domain) jq -r '.program.pid' "$(folder_of "$2")/domain.json" ;;
        esac
}
is_back() { is_owned org.xenvgpu.Host1 && is_owned org.xenvgpu.Policy1 && host_is_online; }
settled() { # VM: the job is over, and nobody is in between
        ! xenvgpu job-list --json | jq -e 'any(.[]; .state == "pending" or .state == "running")' >/dev/null &&
                { is_power "$1" running || is_power "$1" halted; }
}
