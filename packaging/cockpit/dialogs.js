/* What the page asks and tells in dialogs: a new VM, a refusal with what would help, a host's failure, a plan for a PGPU. */

import { h, alert, dialog, table, button, count } from "./dom.js";

const field = (text, id, control, help) => h("div", { class: "pf-c-form__group" },
    h("label", { class: "pf-c-form__label", for: id }, h("span", { class: "pf-c-form__label-text" }, text)), control,
    help ? h("p", { class: "pf-c-form__helper-text" }, help) : null);
const input = (id, attributes) => h("input", { class: "pf-c-form-control", id, name: id, ...attributes });

export function show_error(error) {
    dialog("That was refused", alert("danger", error.message));
}

/* Runs what a button asks for; a refusal becomes a dialog. */
export const guarded = act => async () => {
    try {
        await act();
    } catch (error) {
        show_error(error);
    }
};

/* Whose end would make room on a PGPU, if that is one VM. */
function only_vm(pool, pgpu) {
    const vms = new Set([...pgpu.ResidentVGPUs, ...pgpu.ScheduledVGPUs].map(path => pool.get(path)?.VM));
    return vms.size === 1 ? pool.get([...vms][0]) : null;
}

/* The calls that would help a refused start, each [what it says, the call]: from the facts of Explain, not from its sentence. */
export function remedies(pool, vm, explained) {
    const found = [], nearest = explained.nearest;
    const pgpu = nearest && pool.all("pgpu").find(each => each.UUID === nearest.pgpu);
    const place = pgpu && `${nearest.name_label}/${pgpu.PCIID}`;
    const types = vm.VGPUs.map(path => pool.get(path)?.Type);
    if (pgpu && nearest.code === "VGPUTypeNotEnabled") {
        const type = types.find(path => pgpu.SupportedVGPUTypes.includes(path) && !pgpu.EnabledVGPUTypes.includes(path));
        if (type)
            found.push([`Enable ${pool.get(type).ModelName} on ${place}`, () => pool.call(pgpu.path, "AddEnabledVGPUType", [type])]);
    }
    if (pgpu && ["VGPUTypeNotCompatibleWithRunningType", "PGPUInsufficientCapacity"].includes(nearest.code)) {
        const other = only_vm(pool, pgpu);
        if (other)
            found.push([`Shut down VM ${other.NameLabel}, which has ${place}`, async () => pool.ended(await pool.call(other.path, "Shutdown", [], {}))]);
    }
    if (pgpu && pgpu.Health === "suspect")
        found.push([`Use ${place} again`, () => pool.call(pgpu.path, "ClearHealth")]);
    for (const answer of explained.hosts || []) {
        const host = pool.all("host").find(each => each.UUID === answer.host);
        if (host && answer.code === "HostDisabled")
            found.push([`Put host ${host.NameLabel} into service`, () => pool.call(host.path, "Enable")]);
        if (host && answer.code === "HostOffline" && found.length < 3)
            found.push([`Try host ${host.NameLabel} again now`, () => pool.call(host.path, "Reconnect")]);
    }
    return found.slice(0, 4);
}

export async function show_explain(pool, vm, title = `Where ${vm.NameLabel} could run`, refusal = null) {
    const explained = await pool.json(vm.path, "Explain");
    const can = explained.verdict !== "refused" || !explained.message;
    if (refusal && can)
        return show_error(refusal); /* it is not the room that is missing */
    const rows = (explained.hosts || []).map(host => [host.name_label, host.code ? host.message : "It can run there."]);
    const element = dialog(title, [
        explained.message ? alert(can ? "info" : "danger", explained.message) : null,
        h("div", { class: "actions" }, can ? [] : remedies(pool, vm, explained).map(([text, act], i) => button(text, `remedy-${i}`, async event => {
            event.target.disabled = true;
            try {
                await act();
                element.close();
                await start(pool, vm);
            } catch (error) {
                element.close();
                show_error(error);
            }
        }, "primary"))),
        table("What each host says", ["Host", "Answer"], rows),
    ]);
}

/* Starts the VM. A refusal is shown with what would help. */
export async function start(pool, vm) {
    try {
        await pool.call(vm.path, "Start", [], {});
    } catch (error) {
        if (["VMBadPowerState", "OtherOperationInProgress", "AccessDenied"].includes(error.word))
            show_error(error);
        else
            await show_explain(pool, vm, `VM ${vm.NameLabel} was not started`, error);
    }
}

export async function show_failure(pool, host) {
    const answer = await pool.json("/org/xenvgpu/Policy1", "CheckHostFailure", [host.path]);
    dialog(`If host ${host.NameLabel} failed`, [
        alert(answer.survives ? "success" : "warning", answer.message),
        answer.moves.length ? table("What becomes of its VMs", ["VM", "Would run on", "Reason"],
            answer.moves.map(move => [move.name_label, move.to || "nowhere", move.to ? "" : move.reason])) : null,
    ]);
}

export async function show_plan(pool, group, type) {
    const plan = await pool.json(group.path, "Plan", [type.path]);
    dialog(`A PGPU for ${type.model_name}`, [
        alert(plan.possible ? "info" : "warning", plan.message),
        (plan.moves || []).length ? table("VMs to restart", ["VM", "From", "To"], plan.moves.map(move => [move.name_label, move.from, move.to])) : null,
    ]);
}

export function create_vm(pool) {
    const groups = pool.all("gpu_group").filter(group => group.PGPUs.length);
    const type = h("select", { class: "pf-c-form-control", id: "new-type" });
    const group = h("select", {
        class: "pf-c-form-control", id: "new-group", onchange: () => {
            const chosen = pool.get(group.value);
            type.replaceChildren(...(chosen?.SupportedVGPUTypes || []).map(path => pool.get(path)).filter(Boolean)
                    .sort((a, b) => a.Size - b.Size).map(each => h("option", { value: each.path }, each.ModelName)));
        },
    }, h("option", { value: "" }, "no GPU"), groups.map(each => h("option", { value: each.path }, each.NameLabel)));
    const name = input("new-name", { required: true, maxlength: 1024 });
    const memory = input("new-memory", { type: "number", min: 0.25, step: 0.25, value: 4 });
    const vcpus = input("new-vcpus", { type: "number", min: 1, value: 2 });
    const make = async run => {
        if (!name.value.trim())
            throw new Error("Give the VM a name.");
        const kib = Math.round(Number(memory.value) * 2 ** 20);
        const config = {
            c_info: { type: "hvm", name: name.value },
            b_info: { max_memkb: kib, target_memkb: kib, max_vcpus: Number(vcpus.value), "type.hvm": {} },
        };
        const manager = "/org/xenvgpu/Policy1";
        const path = await pool.call(manager, "CreateVM", [JSON.stringify({ name_label: name.value, config })], {});
        try {
            if (group.value)
                await pool.call(manager, "CreateVGPU", [path, group.value, type.value || "/"], {});
        } catch (error) {
            await pool.call(path, "Destroy"); /* half of it is not what was asked for */
            throw error;
        }
        if (run)
            setTimeout(() => start(pool, pool.get(path) || { path, NameLabel: name.value, VGPUs: [] }), 300);
    };
    dialog("New VM", h("form", { class: "pf-c-form", onsubmit: event => event.preventDefault() },
        field("Name", "new-name", name), field("Memory, GiB", "new-memory", memory), field("VCPUs", "new-vcpus", vcpus),
        field("GPU group", "new-group", group), field("VGPU type", "new-type", type),
        h("p", { class: "pf-c-form__helper-text" }, "Disks and networks: xenvgpu vm-create config=@FILE takes a whole libxl config.")),
    [["Create and start", "primary", () => make(true)], ["Create", "secondary", () => make(false)]]);
    name.focus();
}

export function confirm_destroy(pool, vm) {
    dialog(`Remove VM ${vm.NameLabel}?`, h("p", {}, `Its config and its ${count(vm.VGPUs.length, "VGPU")} go. Its disks stay.`),
        [["Remove", "danger", () => pool.call(vm.path, "Destroy")]]);
}
