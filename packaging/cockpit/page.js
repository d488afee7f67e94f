/* The page "Virtual GPUs": problems, what still fits, boards, VMs, jobs. Everything is asked of policyd over Cockpit's own D-Bus channel. */

/* global cockpit */

import { Pool } from "./pool.js";
import { h, fill, arrange, button, label, alert, progress, table, count, Kept } from "./dom.js";
import { Boards, draw_capacity } from "./boards.js";
import { start, show_explain, show_error, create_vm, confirm_destroy, guarded } from "./dialogs.js";

const REDRAW = 250; /* ms: at most four times a second */
const CAPACITY = 2000; /* ms: Capacity is asked for at most so often */
const VMS_PER_PAGE = 50;
const JOBS_SHOWN = 8;

const element = id => document.getElementById(id);
const pool = new Pool();
const boards = new Boards(pool, element("boards"));
const vm_view = { filter: "", state: "", page: 0 };
let planned = null, capacity_planned = null, capacity_asked = 0;

/* Dark as the shell is. */
function dress() {
    const style = localStorage.getItem("shell:style") || "auto";
    const dark = style === "dark" || (style === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.classList.toggle("pf-theme-dark", dark);
}
dress();
window.addEventListener("storage", dress);
window.addEventListener("cockpit-style", dress);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);

const say = text => { element("heard").textContent = text };

function draw_state() {
    const place = element("state");
    if (pool.state === "connecting" || pool.state === "loading") {
        fill(place, h("p", {}, "Reading the pool…"));
    } else if (pool.state === "lost") {
        fill(place, alert("danger", "xenvgpu-policyd does not answer on this machine", h("p", {}, pool.problem ? pool.problem + " " : "",
            "On the pool's master, systemctl status xenvgpu-policyd says why. This page goes on by itself once it runs.")));
    } else {
        const m = pool.manager;
        fill(place, [
            m.OldDatabase ? alert("warning", "The database is an old copy", m.OldDatabase) : null,
            m.UnreadableRows?.length ? alert("danger", "Rows of the database cannot be read; the pool is read only", m.UnreadableRows.join("; ")) : null,
        ]);
    }
    element("pool").hidden = pool.state !== "ready";
}

function draw_summary() {
    const hosts = pool.all("host"), online = hosts.filter(host => host.State === "online").length;
    const running = pool.all("vm").filter(vm => vm.PowerState !== "halted").length;
    const ill = pool.all("pgpu").filter(pgpu => pgpu.Health !== "good").length;
    fill(element("summary"), `${online} of ${count(hosts.length, "host")} online, ${count(pool.all("pgpu").length, "PGPU")}` +
        `${ill ? `, ${ill} ill` : ""}, ${running} of ${count(pool.all("vm").length, "VM")} running`);
}

const host_name = path => pool.get(path)?.NameLabel ?? "";
const types_of = vm => vm.VGPUs.map(path => pool.get(path)).filter(Boolean)
        .map(vgpu => vgpu.Type === "/" ? "passthrough" : pool.get(vgpu.Type)?.ModelName ?? "?");

function vm_actions(vm) {
    const key = what => `${what}-${vm.path}`;
    const call = (method, options) => guarded(() => pool.call(vm.path, method, [], options));
    if (vm.PowerState !== "halted")
        return [button("Shut down", key("shutdown"), call("Shutdown", {})), button("Force off", key("force"), call("HardShutdown", {}), "link")];
    if (vm.ScheduledToBeResidentOn !== "/")
        return [button("Cancel the start", key("force"), call("HardShutdown", {}))];
    return [button("Start", key("start"), guarded(() => start(pool, vm)), "primary"),
        button("Where?", key("explain"), guarded(() => show_explain(pool, vm)), "link"),
        button("Remove", key("destroy"), () => confirm_destroy(pool, vm), "link")];
}

const STATE_COLORS = { running: "green", paused: "orange", halted: null };

function vm_row(vm) {
    const starting = vm.PowerState === "halted" && vm.ScheduledToBeResidentOn !== "/";
    return [vm.NameLabel, label(starting ? "starting" : vm.PowerState, starting ? "blue" : STATE_COLORS[vm.PowerState]),
        host_name(starting ? vm.ScheduledToBeResidentOn : vm.ResidentOn) || "–", types_of(vm).join(", ") || "–",
        h("div", { class: "actions" }, vm_actions(vm), (vm.Problems || []).map(problem => alert("warning", problem)))];
}

const VM_COLUMNS = ["Name", "State", "Host", "VGPUs", "Actions"];
const vm_rows = new Kept(), job_rows = new Kept();
const vm_table = table("VMs", VM_COLUMNS, []);

function draw_vms() {
    const filter = vm_view.filter.toLocaleLowerCase();
    const found = pool.all("vm").filter(vm => (!filter || vm.NameLabel.toLocaleLowerCase().includes(filter)) &&
        (!vm_view.state || vm.PowerState === vm_view.state));
    const pages = Math.max(1, Math.ceil(found.length / VMS_PER_PAGE));
    vm_view.page = Math.min(vm_view.page, pages - 1);
    const shown = found.slice(vm_view.page * VMS_PER_PAGE, (vm_view.page + 1) * VMS_PER_PAGE);
    const turn = by => () => {
        vm_view.page += by;
        draw_vms();
    };
    arrange(vm_table.tBodies[0], vm_rows.rows(VM_COLUMNS, shown, vm => vm.path, vm_row,
        vm => [vm.NameLabel, vm.PowerState, host_name(vm.ResidentOn), host_name(vm.ScheduledToBeResidentOn), types_of(vm), vm.Problems]));
    arrange(element("vms"), [found.length ? vm_table : h("p", {}, pool.all("vm").length ? "No VM is so." : "There is no VM yet.")]);
    fill(element("vm-pages"), pages > 1 ? h("nav", { class: "pages", "aria-label": "Pages of VMs" },
        button("Previous", "vms-previous", turn(-1), "secondary", { disabled: vm_view.page === 0 }),
        h("span", {}, `page ${vm_view.page + 1} of ${pages}, ${count(found.length, "VM")}`),
        button("Next", "vms-next", turn(1), "secondary", { disabled: vm_view.page === pages - 1 })) : null);
}

function draw_job(job) {
    const vm = pool.get(job.Objects[0]);
    const text = `${job.Operation} ${vm ? vm.NameLabel : "a VM that is gone"}`;
    if (job.State === "running" || job.State === "pending")
        return h("li", { class: "job" }, progress(`${text}: ${job.Stage || job.State}`, job.Progress),
            button("Cancel", `cancel-${job.path}`, guarded(() => pool.call(job.path, "Cancel")), "link"));
    return h("li", { class: "job" }, label(job.State, job.State === "done" ? "green" : "red"), ` ${text} `,
        h("span", { class: "job-error" }, job.Error?.[1] || ""));
}

function draw_jobs() {
    const jobs = pool.all("job").sort((a, b) => b.StartTime - a.StartTime);
    const open = jobs.filter(job => job.State === "running" || job.State === "pending");
    const ended = jobs.filter(job => !open.includes(job)).slice(0, JOBS_SHOWN);
    const shown = [...open.slice(0, 20), ...ended];
    arrange(element("jobs"), job_rows.draw(shown, job => job.path, job => [job.State, job.Stage, job.Progress, job.Error], draw_job));
    fill(element("more-jobs"), !jobs.length ? "Nothing has been started or stopped lately." : open.length > 20 ? `and ${open.length - 20} more that run` : "");
}

async function ask_capacity() {
    capacity_planned = null;
    capacity_asked = Date.now();
    try {
        draw_capacity(pool, element("capacity"), await pool.json("/org/xenvgpu/Policy1", "Capacity"));
    } catch (error) {
        fill(element("capacity"), alert("warning", error.message));
    }
}

function draw() {
    planned = null;
    draw_state();
    if (pool.state !== "ready")
        return;
    draw_summary();
    boards.draw();
    draw_vms();
    draw_jobs();
    capacity_planned ??= setTimeout(ask_capacity, Math.max(0, capacity_asked + CAPACITY - Date.now()));
}

pool.addEventListener("change", event => {
    boards.note(event.detail);
    planned ??= setTimeout(draw, REDRAW);
});
pool.addEventListener("job-ended", event => {
    const job = pool.get(event.detail.path), vm = job && pool.get(job.Objects[0]);
    if (vm)
        say(`${job.Operation} of ${vm.NameLabel}: ${event.detail.result}`);
});

element("new-vm").addEventListener("click", () => create_vm(pool));
element("vm-filter").addEventListener("input", event => {
    vm_view.filter = event.target.value;
    vm_view.page = 0;
    draw_vms();
});
element("vm-state").addEventListener("change", event => {
    vm_view.state = event.target.value;
    vm_view.page = 0;
    draw_vms();
});
window.addEventListener("unhandledrejection", event => show_error(event.reason));

draw();
cockpit.transport.wait(() => { document.body.hidden = false });
