/* The boards: each host with its PGPUs as bars, and on a bar the VMs by type, what is booked, reserved or in others' hands, and the room left. */

import { h, fill, button, label, alert, gib, count } from "./dom.js";
import { show_failure, show_plan } from "./dialogs.js";

const COLORS = 8;
const FOLD_FROM = 9; /* hosts: from there on only those with something to see are unfolded */

/* A color for each type of the pool, by its order. */
function color_of(pool, type) {
    const index = pool.all("vgpu_type").findIndex(each => each.path === type);
    return index < 0 ? 0 : index % COLORS + 1;
}

const type_name = (pool, path) => path === "/" ? "passthrough" : pool.get(path)?.ModelName ?? "?";

/* What is on a PGPU, as pieces of its size. A whole GPU's VGPU has no type of its own, or one as large as the PGPU. */
function pieces_of(pool, pgpu) {
    const piece = (path, kind) => {
        const vgpu = pool.get(path);
        const type = vgpu ? vgpu.Type : "/";
        const size = type === "/" ? pgpu.Size : Math.min(pool.get(type)?.Size || pgpu.Size, pgpu.Size);
        const vm = vgpu && pool.get(vgpu.VM);
        return { kind, type, size, vm, name: vm ? vm.NameLabel : "?" };
    };
    return [
        ...pgpu.ResidentVGPUs.map(path => piece(path, "resident")),
        ...pgpu.ScheduledVGPUs.map(path => piece(path, "scheduled")),
        ...(pgpu.OutsideVGPUs || []).map(([vm, , type]) => ({
            kind: "outside", type, size: pool.get(type)?.Size || pgpu.Size, name: `${vm.slice(0, 8)}, not of the pool`,
        })),
    ];
}

/* In words, for those who do not see the bar. */
function describe(pool, pgpu, pieces) {
    if (!pieces.length)
        return "idle";
    const by_type = new Map();
    for (const piece of pieces)
        by_type.set(piece.type, [...by_type.get(piece.type) || [], piece.kind === "scheduled" ? `${piece.name} (starting)` : piece.name]);
    return [...by_type].map(([type, names]) => {
        const size = type === "/" ? pgpu.Size : pool.get(type)?.Size || pgpu.Size;
        return `${type_name(pool, type)}, ${names.length} of ${Math.max(1, Math.floor(pgpu.Size / size))}: ${names.join(", ")}`;
    }).join("; ");
}

function bar(pool, pgpu) {
    const pieces = pieces_of(pool, pgpu);
    const used = pieces.reduce((sum, piece) => sum + piece.size, 0);
    const words = describe(pool, pgpu, pieces);
    const segment = piece => h("span", {
        class: `segment ${piece.kind} color-${piece.kind === "outside" ? 0 : color_of(pool, piece.type)}`,
        style: { flexGrow: piece.size }, title: `${piece.name}: ${type_name(pool, piece.type)}`,
    }, piece.name);
    /* The room left is drawn in places as large as those that are taken. */
    const place = pieces.length ? Math.min(...pieces.map(piece => piece.size)) : pgpu.Size;
    const places = Math.min(32, Math.max(0, Math.floor((pgpu.Size - used) / place)));
    const ill = pgpu.Health !== "good";
    return h("li", { class: "board-row" },
        h("div", { class: "board-name" },
            h("code", {}, pgpu.PCIID.replace(/^0000:/, "")), " ",
            ill ? label(pgpu.Health, "red") : null,
            pgpu.Reservations?.length ? label("reserved", "blue") : null,
            h("div", { class: "board-words" }, pieces.length ? words.replace(/: .*/, "") : pgpu.DeviceName)),
        h("div", { class: "board-bar" + (ill ? " ill" : ""), role: "img", "aria-label": `${pgpu.PCIID}: ${words}` },
            pieces.map(segment), Array.from({ length: places }, () => h("span", { class: "segment free", style: { flexGrow: place } }))),
        ill ? h("div", { class: "board-problem" }, pgpu.HealthReason, " ",
            pgpu.Health === "suspect" ? button("Clear", `health-${pgpu.path}`, () => pool.call(pgpu.path, "ClearHealth"), "link") : null) : null);
}

/* How full each PGPU is, at a glance, for a host that is folded. */
function strip(pool, pgpus) {
    return h("span", { class: "strip", "aria-hidden": "true" }, pgpus.map(pgpu => {
        const used = pieces_of(pool, pgpu).reduce((sum, piece) => sum + piece.size, 0);
        return h("span", { class: "strip-pgpu" + (pgpu.Health === "good" ? "" : " ill") },
            h("span", { class: "strip-used", style: { height: `${Math.min(100, 100 * used / pgpu.Size)}%` } }));
    }));
}

const STATE_COLORS = { online: "green", offline: "red", connecting: "blue" };

function card(pool, host) {
    const pgpus = host.PGPUs.map(path => pool.get(path)).filter(Boolean);
    const details = h("details", { class: "host" },
        h("summary", { "data-key": `host-${host.path}` },
            h("span", { class: "host-name" }, host.NameLabel), " ", label(host.State, STATE_COLORS[host.State] || "orange"),
            host.Enabled ? null : label("disabled", "orange"), " ",
            h("span", { class: "host-facts" }, `${count(pgpus.length, "PGPU")}, ${gib(host.MemoryFree)} of ${gib(host.MemoryTotal)} free`), strip(pool, pgpus)),
        h("div", { class: "host-body" },
            host.State !== "online" && host.StateReason ? alert("warning", host.StateReason) : null,
            (host.Problems || []).map(problem => alert("warning", problem)),
            pgpus.length ? h("ul", { class: "boards", role: "list" }, pgpus.map(pgpu => bar(pool, pgpu))) : h("p", {}, "No GPU that can be used."),
            h("div", { class: "actions" },
                button("If it failed…", `failure-${host.path}`, () => show_failure(pool, host)),
                host.Enabled
                    ? button("Take out of service", `enable-${host.path}`, () => pool.call(host.path, "Disable"))
                    : button("Put into service", `enable-${host.path}`, () => pool.call(host.path, "Enable")),
                host.State === "online" ? null : button("Try again now", `reconnect-${host.path}`, () => pool.call(host.path, "Reconnect")))));
    return details;
}

/* Each host is drawn anew only when something of it changed. */
export class Boards {
    constructor(pool, element) {
        this.pool = pool;
        this.element = element;
        this.cards = new Map();
        this.stale = new Set();
        this.open = new Map(); /* what the user unfolded or folded */
    }

    /* The hosts on which a change of the object shows. */
    note(path) {
        const pool = this.pool, object = pool.get(path);
        if (path === null || path.includes("/vgpu_type/") || (!object && /\/(host|pgpu)\//.test(path)))
            this.cards.clear();
        else if (!object)
            return; /* a VM that goes is halted, and on no board */
        else if (path.includes("/host/"))
            this.stale.add(path);
        else if (path.includes("/pgpu/"))
            this.stale.add(object.Host);
        else if (path.includes("/vm/"))
            [object.ResidentOn, object.ScheduledToBeResidentOn].forEach(host => this.stale.add(host));
    }

    is_open(host, many) {
        return this.open.get(host.path) ?? (!many || host.State !== "online" || (host.Problems || []).length > 0);
    }

    draw() {
        const hosts = this.pool.all("host"), many = hosts.length >= FOLD_FROM;
        const fresh = !this.cards.size || this.cards.size !== hosts.length;
        const cards = hosts.map(host => {
            if (!this.cards.has(host.path) || this.stale.has(host.path)) {
                const element = card(this.pool, host);
                element.open = this.is_open(host, many);
                element.addEventListener("toggle", () => this.open.set(host.path, element.open));
                const old = this.cards.get(host.path);
                const key = old?.contains(document.activeElement) && document.activeElement.dataset.key;
                if (old?.isConnected)
                    old.replaceWith(element);
                if (key)
                    element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
                this.cards.set(host.path, element);
            }
            return this.cards.get(host.path);
        });
        this.stale.clear();
        if (fresh || cards.some(element => !element.isConnected))
            fill(this.element, hosts.length ? cards : h("p", {}, "No host is in the pool yet: xenvgpu host-add name=… address=… adds one."));
    }
}

/* What still fits, by group and type, from Manager.Capacity. */
export function draw_capacity(pool, element, capacity) {
    const row = (group, type) => h("li", { class: "capacity-row" },
        h("span", { class: `swatch color-${color_of(pool, type.path)}`, "aria-hidden": "true" }),
        h("span", { class: "capacity-type" }, type.model_name),
        h("span", { class: "capacity-free" }, h("strong", {}, String(type.free)), ` of ${type.total} free`),
        h("meter", { min: 0, max: Math.max(1, type.total), value: type.free, "aria-label": `${type.model_name}: ${type.free} of ${type.total} free` }),
        type.free === 0 && type.reason
            ? h("span", { class: "capacity-reason" }, type.reason.message, " ", type.reason.remedy ? type.reason.remedy + "." : "", " ",
                button("Plan…", `plan-${group.path}-${type.path}`, () => show_plan(pool, group, type), "link")) : null);
    fill(element, capacity.groups.filter(group => group.types.length).map(group => h("section", { class: "group", "aria-label": group.name_label },
        h("h3", { class: "pf-c-title pf-m-md" }, group.name_label), h("p", { class: "group-facts" }, `filled ${group.algorithm}`),
        h("ul", { class: "capacity", role: "list" }, group.types.map(type => row(group, type))))));
}
