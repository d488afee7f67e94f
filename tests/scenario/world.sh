#!/bin/bash
# The processes of a scenario's world: each carries the scenario's folder in its environment as XENVGPU_SCENARIO, or among its
# arguments (the emulator keeps nothing of the environment but PATH).
#
# Sourced, it gives world_pids. Executed, it outlives the scenario: whatever ends that, a kill -9 by ctest's time-out among it, ends
# its world too. Usage: world.sh SCENARIO-PID <<<FOLDER     (on stdin: among its arguments, the folder would name it as of the world)

# world_pids FOLDER
world_pids() {
        local -x XENVGPU_SCENARIO= # who looks is not of the world
        {
                grep -lzxF "XENVGPU_SCENARIO=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
                pgrep -f -- "$1"
        } | sort -u
}

# A process that leads a group takes the group along.
end_world() {
        local pid
        for pid in $(world_pids "$1"); do kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null; done
}

if [ "$0" = "${BASH_SOURCE[0]}" ]; then
        read -r folder
        tail --pid="$1" -s 0.2 -f /dev/null
        for _ in {1..100}; do # while it was killed, a process may have started another
                [ -n "$(world_pids "$folder")" ] || break
                end_world "$folder"
                sleep 0.1
        done
        xenvgpu-lab down "$folder/lab" # its sockets may stand elsewhere
        rm -rf "$folder"
fi
