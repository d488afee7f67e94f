/* Elements, and the small parts that all of the page is made of. Texts go in as text, never as HTML. */

export function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
        if (name.startsWith("on"))
            element.addEventListener(name.slice(2), value);
        else if (name === "style")
            Object.assign(element.style, value); /* Cockpit's content policy forbids style attributes */
        else if (value === true)
            element.setAttribute(name, "");
        else if (value !== false && value !== undefined && value !== null)
            element.setAttribute(name, value);
    }
    element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
    return element;
}

/* Puts the children there, and the focus back on the element with the same data-key. */
export function fill(element, ...children) {
    const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    element.replaceChildren(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
    if (key)
        element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

export function button(text, key, onclick, kind = "secondary", attributes = {}) {
    return h("button", { class: `pf-c-button pf-m-${kind} pf-m-small`, type: "button", "data-key": key, onclick, ...attributes }, text);
}

export function label(text, color) {
    return h("span", { class: `pf-c-label pf-m-compact${color ? " pf-m-" + color : ""}` },
        h("span", { class: "pf-c-label__content" }, text));
}

export function alert(kind, title, ...body) {
    return h("div", { class: `pf-c-alert pf-m-inline pf-m-${kind}`, role: kind === "danger" ? "alert" : "status" },
        h("p", { class: "pf-c-alert__title" }, title),
        body.length ? h("div", { class: "pf-c-alert__description" }, body) : null);
}

export function progress(text, part, measure) {
    const percent = Math.round(100 * part);
    return h("div", { class: "pf-c-progress pf-m-sm" + (text ? "" : " pf-m-singleline") },
        text ? h("div", { class: "pf-c-progress__description" }, text) : null,
        h("div", { class: "pf-c-progress__status", "aria-hidden": "true" }, h("span", { class: "pf-c-progress__measure" }, measure ?? percent + " %")),
        h("div", {
            class: "pf-c-progress__bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": percent,
            "aria-label": text || measure,
        }, h("div", { class: "pf-c-progress__indicator", style: { width: `${percent}%` } })));
}

const table_row = (columns, cells) => h("tr", { role: "row" }, cells.map((cell, i) => h("td", { role: "cell", "data-label": columns[i] }, cell)));

export function table(caption, columns, rows) {
    return h("table", { class: "pf-c-table pf-m-grid-md pf-m-compact" },
        h("caption", { class: "for-readers" }, caption),
        h("thead", {}, h("tr", { role: "row" }, columns.map(name => h("th", { scope: "col" }, name)))),
        h("tbody", {}, rows.map(cells => table_row(columns, cells))));
}

/* Elements that are drawn anew only when what they show has changed: else a click is lost whose button goes between press and release. */
export class Kept {
    constructor() {
        this.kept = new Map();
    }

    /* One for each item: make(item) where signature(item) is not what it was. */
    draw(items, key, signature, make) {
        const before = this.kept;
        this.kept = new Map();
        return items.map(item => {
            const now = JSON.stringify(signature(item)), old = before.get(key(item));
            const entry = old && old.signature === now ? old : { signature: now, element: make(item) };
            this.kept.set(key(item), entry);
            return entry.element;
        });
    }

    rows(columns, items, key, cells, signature) {
        return this.draw(items, key, signature, item => table_row(columns, cells(item)));
    }
}

/* Puts just these children there, and moves none that stands where it should. */
export function arrange(element, children) {
    const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    children.forEach((child, i) => {
        if (element.children[i] !== child)
            element.insertBefore(child, element.children[i] || null);
    });
    while (element.children.length > children.length)
        element.lastElementChild.remove();
    if (key && document.activeElement?.dataset.key !== key)
        element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

export const gib = bytes => `${(bytes / 2 ** 30).toFixed(bytes < 10 * 2 ** 30 && bytes % 2 ** 30 ? 1 : 0)} GiB`;
export const count = (n, one, many = one + "s") => `${n} ${n === 1 ? one : many}`;

/* A dialog that asks or tells. fields: elements; actions: [text, kind, async function]. An action that throws keeps it open. */
export function dialog(title, body, actions = []) {
    const problem = h("div", { class: "dialog-problem" });
    const close = () => element.close();
    const buttons = actions.map(([text, kind, act]) => h("button", {
        class: `pf-c-button pf-m-${kind}`, type: "button", onclick: async event => {
            event.target.disabled = true;
            try {
                await act();
                close();
            } catch (error) {
                fill(problem, alert("danger", error.message));
                event.target.disabled = false;
            }
        },
    }, text));
    const element = h("dialog", { class: "pf-c-modal-box pf-m-md", "aria-labelledby": "dialog-title" },
        h("header", { class: "pf-c-modal-box__header" }, h("h1", { class: "pf-c-modal-box__title", id: "dialog-title" }, title)),
        h("div", { class: "pf-c-modal-box__body" }, body, problem),
        h("footer", { class: "pf-c-modal-box__footer" }, buttons,
            h("button", { class: "pf-c-button pf-m-link", type: "button", onclick: close }, actions.length ? "Cancel" : "Close")));
    const before = document.activeElement;
    element.addEventListener("close", () => {
        element.remove();
        before?.focus();
    });
    document.body.append(element);
    element.showModal();
    return element;
}
