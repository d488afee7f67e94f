# What policyd, hostd, Xen, xenstore, systemd and the processes say of the VMs: one line for each difference, none when all agree.
#   $vms, $vgpus   xenvgpu vm-list, vgpu-list   (policyd)
#   $host          GetInventory by busctl       (hostd)
#   $xl, $long     xl list; xl list -l where functions may be passed through
#   $keys $units $processes $files              xenstore-ls -f, systemctl list-units, ps, names in libxl's folders
#   $folders $pciback $owed                     names of run folders, functions that pciback holds, units that are owed a start

def lines: split("\n") | map(select(. != ""));
def padded(n): ("0000" + .)[-n:];
def hex: if . < 16 then "0123456789abcdef"[.:. + 1] else (. / 16 | floor | hex) + (. % 16 | hex) end;
def address: (.domain // 0 | hex | padded(4)) + ":" + (.bus // 0 | hex | padded(2)) + ":" + (.dev // 0 | hex | padded(2)) + "." + (.func // 0 | hex);
def count_of(pattern): [$processes | lines[] | select(test(pattern))] | length;
# Virtual functions, whose types the scenario names so, have no emulator either.
def is_slice: ."type-model-name" | . != "passthrough" and (startswith("Lab ") | not);
def differs($what; $a; $b): if $a == $b then empty else "\($what): \($a) and \($b)" end;

[$xl | lines[1:][] | [splits(" +")] | {name: .[0], id: .[1]} | select(.id != "0")] as $domains
| [$vms[0][] | select(."power-state" != "halted")] as $up
| ($host[0].data[0] | fromjson.vms) as $there
| [$vgpus[0][] | select(."resident-on" != "")] as $resident
| [$keys | lines[] | capture("^/(local/domain/0/(backend/[^/]+|device-model)|local/domain|libxl)/(?<id>[0-9]+)[ /]").id | select(. != "0")] as $known
| [$files | lines[] | capture("^(userdata-[a-z][.]|qmp-lib[a-z]+-|qemu-root-)(?<id>[0-9]+)").id | select(. != "0")] as $filed
| differs("policyd's running VMs and Xen's domains"; [$up[]."name-label"] | sort; [$domains[].name] | sort),
  differs("hostd's VMs and Xen's domains"; [$there[] | select(.state == "running").name_label] | sort; [$domains[].name] | sort),
  differs("VMs that hostd has, and that run"; $there | length; [$there[] | select(.state == "running")] | length),
  differs("VGPUs that are scheduled"; [$vgpus[0][] | select(."scheduled-to-be-resident-on" != "").uuid]; []),
  differs("VGPUs that are resident, and those of running VMs"; [$resident[].uuid] | sort; [$vgpus[0][] | select(."vm-uuid" | IN($up[].uuid)).uuid] | sort),
  differs("qemus and domains"; count_of("^/usr/libexec/xen-qemu-system-i386 .*-xen-domid [1-9]"); $domains | length),
  differs("emulators and resident VGPUs that are slices"; count_of("^/usr/local/lib/xen-test/emulator "); [$resident[] | select(is_slice)] | length),
  differs("xenvgpu-domain processes and domains"; count_of("^/usr/libexec/xenvgpu/xenvgpu-domain "); $domains | length),
  differs("xenvgpu-dm processes"; count_of("^/usr/libexec/xenvgpu/xenvgpu-dm"); 0),
  differs("domains that xenstore has keys of, beyond Xen's"; $known - [$domains[].id] | unique; []),
  differs("domains that libxl has files of, beyond Xen's"; $filed - [$domains[].id] | unique; []),
  differs("functions that pciback holds, and that domains have"; $pciback | lines | sort; [$long[0][].config.pcidevs // [] | .[] | address] | sort),
  differs("run folders and domains"; $folders | lines | length; $domains | length),
  differs("units of VMs and domains"; $units | lines | length; $domains | length),
  differs("starts owed to units that monitor GPUs"; $owed | lines; [])
