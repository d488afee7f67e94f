/* The pool as policyd shows it on the system's bus: its objects, kept up to date by signals, and calls.
 *
 * Objects are loaded by Manager.List, in pages. policyd makes a long page from a snapshot, so a signal can come before a
 * page that does not have its change yet: what was touched while the pages came is asked for once more. */

/* global cockpit */

const SERVICE = "org.xenvgpu.Policy1";
const ROOT = "/org/xenvgpu/Policy1";
const PROPERTIES = "org.freedesktop.DBus.Properties";
const OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager";
const PAGE = 1000;
const RETRY = 3000; /* ms */
const NO_RIGHT = "You may look at the pool, and not change it. That takes Cockpit's administrative access, or the group xenvgpu.";

export const CLASSES = ["host", "gpu_group", "vgpu_type", "pgpu", "vm", "vgpu", "job"];
const INTERFACES = {
    host: "Host", gpu_group: "GPUGroup", vgpu_type: "VGPUType", pgpu: "PGPU", vm: "VM", vgpu: "VGPU", job: "Job",
};

const class_of = path => path.slice(ROOT.length + 1).split("/")[0];
const interface_of = path => path === ROOT ? SERVICE + ".Manager" : SERVICE + "." + INTERFACES[class_of(path)];

const plain = value => value && typeof value === "object" && "t" in value && "v" in value ? value.v : value;
const plain_all = values => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(value)]));

/* An option as a variant: policyd's numbers are t. */
const option = value => typeof value === "boolean" ? cockpit.variant("b", value)
    : typeof value === "number" ? cockpit.variant("t", value)
        : value.startsWith(ROOT + "/") ? cockpit.variant("o", value) : cockpit.variant("s", value);

export class Pool extends EventTarget {
    constructor() {
        super();
        this.clear();
        this.connect();
    }

    /* Where nobody has the name yet, Cockpit closes the channel (not-found): then it is tried again. */
    connect() {
        this.client = cockpit.dbus(SERVICE, { bus: "system", superuser: "try" });
        this.client.subscribe({ path_namespace: ROOT }, (path, iface, signal, args) => this.hear(path, iface, signal, args));
        this.client.addEventListener("owner", (_event, owner) => {
            if (owner)
                this.load();
            else
                this.lose(null);
        });
        this.client.addEventListener("close", (_event, options) => {
            this.lose(options?.problem === "not-found" ? null : options);
            setTimeout(() => this.connect(), RETRY);
        });
    }

    clear() {
        this.objects = Object.fromEntries(CLASSES.map(name => [name, new Map()]));
        this.manager = {};
        this.state = "connecting"; /* connecting, loading, ready, lost */
        this.touched = null;
        this.loads = (this.loads || 0) + 1;
    }

    get(path) {
        return path && path !== "/" ? this.objects[class_of(path)]?.get(path) : undefined;
    }

    all(name) {
        return [...this.objects[name].values()];
    }

    notify(path) {
        this.dispatchEvent(new CustomEvent("change", { detail: path }));
    }

    lose(options) {
        this.clear();
        this.state = "lost";
        this.problem = options && options.problem ? (options.message || options.problem) : "";
        this.notify(null);
    }

    /* What it says, or an error with the error word as .word and the sentence as .message. */
    async call(path, method, args, options) {
        const values = [...args || []];
        if (options)
            values.push(Object.fromEntries(Object.entries(options).map(([name, value]) => [name, option(value)])));
        try {
            const answer = await this.client.call(path, interface_of(path), method, values);
            return answer[0];
        } catch (error) {
            const word = (error.name || error.problem || "").split(".").pop(); /* of policyd's errors and of the bus' own */
            throw Object.assign(new Error(word === "AccessDenied" ? NO_RIGHT : error.message || error.problem || "policyd does not answer"), { word });
        }
    }

    json(path, method, args) {
        return this.call(path, method, args).then(JSON.parse);
    }

    async load() {
        this.clear();
        const load = this.loads;
        this.state = "loading";
        this.touched = new Set();
        try {
            await Promise.all([this.load_manager(), ...CLASSES.map(name => this.load_class(name, load))]);
            for (const path of this.touched)
                await this.refresh(path);
        } catch (error) {
            if (load !== this.loads)
                return;
            if (error.word === "NotConnected" || /ServiceUnknown|NameHasNoOwner/.test(error.word)) {
                this.lose(null);
            } else {
                this.lose({ problem: error.word, message: error.message });
            }
            return;
        }
        if (load !== this.loads)
            return;
        this.touched = null;
        this.state = "ready";
        this.notify(null);
    }

    async load_manager() {
        const [values] = await this.client.call(ROOT, PROPERTIES, "GetAll", [SERVICE + ".Manager"]);
        this.manager = plain_all(values);
    }

    /* A page begins with the last object of the one before; else objects before it went, and others moved up unseen. */
    async load_class(name, load) {
        for (let offset = 0, end = 0, total = 1; end < total;) {
            const page = await this.json_list(name, offset);
            const objects = this.objects[name];
            if (load !== this.loads)
                return;
            if (offset && !objects.has(page.objects[0]?.path)) {
                offset = Math.max(0, offset - PAGE + 1);
                continue;
            }
            for (const object of page.objects)
                objects.set(object.path, object);
            if (page.objects.length < 2)
                return;
            end = offset + page.objects.length;
            offset = end - 1;
            total = page.total;
        }
    }

    json_list(name, offset) {
        return this.client.call(ROOT, SERVICE + ".Manager", "List", [name, {}, offset, PAGE])
                .then(answer => JSON.parse(answer[0]), error => {
                    throw Object.assign(new Error(error.message), { word: error.name || error.problem || "" });
                });
    }

    async refresh(path) {
        const objects = this.objects[class_of(path)];
        if (!objects)
            return; /* a reservation, a quota: the page does not show it */
        try {
            const [values] = await this.client.call(path, PROPERTIES, "GetAll", [interface_of(path)]);
            objects.set(path, { path, ...plain_all(values) });
        } catch (error) {
            objects.delete(path); /* it is gone */
        }
    }

    hear(path, iface, signal, args) {
        if (iface === PROPERTIES && signal === "PropertiesChanged")
            this.hear_changes(path, plain_all(args[1]));
        else if (iface === OBJECT_MANAGER && signal === "InterfacesAdded")
            this.hear_added(args[0], args[1]);
        else if (iface === OBJECT_MANAGER && signal === "InterfacesRemoved")
            this.hear_removed(args[0]);
        else if (signal === "JobRemoved")
            this.dispatchEvent(new CustomEvent("job-ended", { detail: { path: args[0], result: args[1] } }));
    }

    hear_changes(path, values) {
        if (path === ROOT) {
            Object.assign(this.manager, values);
            this.notify(path);
        } else if (this.touched) {
            this.touched.add(path);
        } else {
            const object = this.get(path);
            if (object) {
                Object.assign(object, values);
                this.notify(path);
            }
        }
    }

    hear_added(path, interfaces) {
        const objects = this.objects[class_of(path)];
        const values = interfaces[interface_of(path)];
        if (!objects || !values)
            return;
        if (this.touched) {
            this.touched.add(path);
        } else {
            objects.set(path, { path, ...plain_all(values) });
            this.notify(path);
        }
    }

    hear_removed(path) {
        if (this.touched)
            this.touched.add(path);
        else if (this.objects[class_of(path)]?.delete(path))
            this.notify(path);
    }

    /* The job, once it has ended. Its object may not have been announced yet, so it is asked for first. */
    async ended(path) {
        await this.refresh(path);
        const is_over = job => !job || ["done", "failed", "cancelled"].includes(job.State);
        return new Promise(resolve => {
            const look = () => {
                const job = this.get(path);
                if (!is_over(job) && this.state === "ready")
                    return;
                this.removeEventListener("change", look);
                resolve(job);
            };
            this.addEventListener("change", look);
            look();
        });
    }
}
