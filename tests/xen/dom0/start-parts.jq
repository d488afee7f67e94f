# The parts of one start, each from a moment to the next, so that their sum is what the command took: "NAME MS" lines.
# Input: the journal's entries of the VM (-s). $begun, $over: when the command was run and had ended, µs of the wall clock; $forked,
# $executed: when systemd had forked the unit's process, and when that had executed the program, µs of the monotonic clock.
def moment($program; $words): first(.[] | select(.SYSLOG_IDENTIFIER == $program and (.MESSAGE | test($words))) | ._SOURCE_REALTIME_TIMESTAMP | tonumber);
def stage($name): moment("xenvgpu-domain"; ": " + $name + "$");
map(select((._SOURCE_REALTIME_TIMESTAMP // "0" | tonumber) >= ($begun | tonumber))) |
(.[0] | (.__REALTIME_TIMESTAMP | tonumber) - (.__MONOTONIC_TIMESTAMP | tonumber)) as $offset |
(first(.[] | .XENVGPU_STAGES // empty) | capture("launch=(?<ms>[0-9]+)").ms | tonumber * 1000) as $launch |
[["begin", ($begun | tonumber)],
 ["command", moment("xenvgpu-policyd"; " is to start on host ")],
 ["policyd", moment("xenvgpu-hostd"; "^Took the order to start ")],
 ["hostd", stage("prepare") - $launch],
 ["unit", ($forked | tonumber) + $offset],
 ["sandbox", ($executed | tonumber) + $offset],
 ["program", stage("prepare")],
 ["prepare", stage("create")],
 ["create", stage("emulator")],
 ["emulator", stage("qemu")],
 ["qemu", stage("unpause")],
 ["unpause", stage("running")],
 ["report", moment("xenvgpu-policyd"; " runs on host ")],
 ["end", ($over | tonumber)]] as $moments |
range(1; $moments | length) | "\($moments[.][0]) \(($moments[.][1] - $moments[. - 1][1]) / 1000 | round)"
