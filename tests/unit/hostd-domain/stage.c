/*
 * A stage for one VM's machine
 */

#include <signal.h>
#include <stdio.h>

#include "common/base/strbuf.h"
#include "tests/unit/hostd-domain/stage.h"

#define VM "11111111-1111-4111-8111-111111111111"
#define TOKEN "22222222-2222-4222-8222-222222222222"
#define FIRST_PID 1000

/* The hypervisor. */

static Stage *of(Hypervisor *h) {
        return CONTAINER_OF(h, Stage, hypervisor);
}

static void on_soon(void *userdata) {
        Stage *s = userdata;
        HypervisorDone done = s->done;

        s->done = NULL;
        done(s->result, s->error, s->done_userdata);
}

static int end_soon(Stage *s, int result, const char *error) {
        s->result = result;
        s->error = error;
        return loop_call_soon(sim_loop_of(s->loop), &s->soon, on_soon, s);
}

static void begin_operation(Stage *s, HypervisorDone done, void *userdata) {
        assert_null(s->done); /* one at a time */
        s->done = done;
        s->done_userdata = userdata;
}

static int check_memory(Hypervisor *h, struct json_object *config, char **ret_error) {
        if (of(h)->memory < 0)
                *ret_error = strdup("There is none.");
        return of(h)->memory;
}

static int create(Hypervisor *h, struct json_object *config, HypervisorDone done, void *userdata) {
        Stage *s = of(h);

        begin_operation(s, done, userdata);
        s->n_creates++;
        s->qemu = stage_process(s);
        s->state = GUEST_PAUSED;
        s->found = 0;
        return s->slow_create ? 0 : end_soon(s, s->created, s->created < 0 ? "It failed." : "");
}

static void cancel_create(Hypervisor *h) {
        of(h)->n_cancels++;
        (void) end_soon(of(h), -ECANCELED, "It was cancelled.");
}

static uint32_t domid(Hypervisor *h) {
        return of(h)->n_creates;
}

static int unpause(Hypervisor *h, HypervisorDone done, void *userdata) {
        begin_operation(of(h), done, userdata);
        of(h)->n_unpauses++;
        of(h)->state = GUEST_RUNNING;
        return end_soon(of(h), 0, "");
}

static int ask_shutdown(Hypervisor *h) {
        of(h)->n_asks++;
        return 0;
}

static int crash(Hypervisor *h) {
        of(h)->n_crashes++;
        return 0;
}

static int destroy(Hypervisor *h, HypervisorDone done, void *userdata) {
        Stage *s = of(h);
        int result = s->destroyed;

        begin_operation(s, done, userdata);
        s->n_destroys++;
        s->destroyed = 0;
        if (result >= 0 && s->qemu.pid > 0)
                s->all[s->qemu.pid - FIRST_PID].alive = false;
        if (result >= 0)
                s->found = -ENOENT;
        return end_soon(s, result, result < 0 ? "It is held." : "");
}

static int give_back(Hypervisor *h, HypervisorDone done, void *userdata) {
        begin_operation(of(h), done, userdata);
        of(h)->n_give_backs++;
        return end_soon(of(h), 0, "");
}

static int watch_guest(Hypervisor *h, GuestChanged changed, void *userdata) {
        of(h)->changed = changed;
        of(h)->changed_userdata = userdata;
        return 0;
}

static void unwatch_guest(Hypervisor *h) {
        of(h)->changed = NULL;
}

static int watch_emulator(Hypervisor *h, EmulatorChanged changed, void *userdata) {
        of(h)->emulator_changed = changed;
        of(h)->emulator_userdata = userdata;
        return 0;
}

static void unwatch_emulator(Hypervisor *h) {
        of(h)->emulator_changed = NULL;
}

static int find(Hypervisor *h, const Uuid *uuid, GuestState *ret) {
        *ret = of(h)->state;
        return of(h)->found;
}

static int device_model(Hypervisor *h, ProcessId *ret) {
        *ret = of(h)->qemu;
        return ret->pid > 0 ? 0 : -ENOENT;
}

static const HypervisorOps hypervisor_ops = {
        .check_memory = check_memory,
        .create = create,
        .cancel_create = cancel_create,
        .domid = domid,
        .unpause = unpause,
        .ask_shutdown = ask_shutdown,
        .crash = crash,
        .destroy = destroy,
        .give_back = give_back,
        .watch = watch_guest,
        .unwatch = unwatch_guest,
        .watch_emulator = watch_emulator,
        .unwatch_emulator = unwatch_emulator,
        .find = find,
        .device_model = device_model,
};

/* Processes. */

struct ProcessWatch {
        Stage *stage;
        ProcessWatch *next;
        ProcessId id;
        ProcessEnded ended;
        void *userdata;
        LoopTimer *kill;
};

static Stage *stage_of(Processes *p) {
        return CONTAINER_OF(p, Stage, processes);
}

ProcessId stage_process(Stage *s) {
        ProcessId id = { .pid = FIRST_PID + (pid_t) s->n, .start_time = 1 };

        assert_true(s->n < STAGE_PROCESSES);
        s->all[s->n++] = (StageProcess){ .id = id, .alive = true };
        return id;
}

static StageProcess *process_of(const Stage *s, const ProcessId *id) {
        assert_in_range(id->pid, FIRST_PID, FIRST_PID + s->n);
        return (StageProcess *) &s->all[id->pid - FIRST_PID];
}

bool stage_is_alive(const Stage *s, const ProcessId *id) {
        return id->pid > 0 && process_of(s, id)->alive;
}

static ProcessWatch *find_watch(Stage *s, const ProcessId *id) {
        ProcessWatch *w = s->watches;

        while (w && (w->id.pid != id->pid || !w->ended))
                w = w->next;
        return w;
}

/* Whoever watches hears of it. */
static void end_process(Stage *s, const ProcessId *id) {
        const ProcessId gone = *id;
        ProcessWatch *w;

        process_of(s, &gone)->alive = false;
        while ((w = find_watch(s, &gone))) {
                ProcessEnded ended = take_ptr(w->ended);

                ended(SIGKILL, w->userdata);
        }
}

static int watch(Processes *p, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret) {
        Stage *s = stage_of(p);
        ProcessWatch *w;

        if (!stage_is_alive(s, id))
                return -ESRCH;
        w = calloc(1, sizeof(*w));
        assert_non_null(w);
        *w = (ProcessWatch){ .stage = s, .next = s->watches, .id = *id, .ended = ended, .userdata = userdata };
        s->watches = w;
        *ret = w;
        return 0;
}

static void on_kill(void *userdata) {
        ProcessWatch *w = userdata;

        end_process(w->stage, &w->id);
}

static int end(Processes *p, const ProcessId *id, uint64_t grace_us, ProcessEnded ended, void *userdata,
        ProcessWatch **ret) {
        Stage *s = stage_of(p);
        int r;

        r = watch(p, id, ended, userdata, ret);
        if (r < 0)
                return r;
        return loop_call_in(sim_loop_of(s->loop), &(*ret)->kill, process_of(s, id)->deaf ? grace_us : 0, on_kill, *ret);
}

static ProcessWatch *forget(ProcessWatch *w) {
        if (!w)
                return NULL;
        for (ProcessWatch **at = &w->stage->watches; *at; at = &(*at)->next)
                if (*at == w) {
                        *at = w->next;
                        break;
                }
        (void) loop_timer_free(w->kill);
        free(w);
        return NULL;
}

static int start_helper(
        Processes *p, const HelperWork *work, HelperDone done, void *userdata, HelperProcess **ret) {
        Stage *s = stage_of(p);

        assert_null(s->helper_done);
        s->helper_done = done;
        s->helper_userdata = userdata;
        free(s->helper_verb);
        s->helper_verb = strdup(work->arguments.items[0]);
        *ret = (HelperProcess *) s;
        return 0;
}

static HelperProcess *end_helper(HelperProcess *h) {
        Stage *s = (Stage *) h;

        if (s && s->helper_done) {
                s->helper_done = NULL;
                s->n_helpers_ended++;
        }
        return NULL;
}

static const ProcessOps process_ops = {
        .watch = watch,
        .end = end,
        .forget = forget,
        .start_helper = start_helper,
        .end_helper = end_helper,
};

/* The run folder. */

static Stage *folder_of(RunFolder *f) {
        return CONTAINER_OF(f, Stage, folder);
}

static int read_order(RunFolder *f, JsonReader *r, StartOrder *ret) {
        return start_order_read(r, folder_of(f)->order, ret);
}

static int read_record(RunFolder *f, RunRecord *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        const char *text = folder_of(f)->record;
        JsonReader reader = {};
        int r;

        if (!text)
                return -ENOENT;
        r = json_parse(&reader, text, strlen(text), &o);
        if (r >= 0)
                r = run_record_parse(&reader, o, ret);
        if (r < 0)
                fail_msg("%s", reader.error);
        return r;
}

static int write_record(RunFolder *f, const RunRecord *record) {
        if (folder_of(f)->write_error < 0)
                return folder_of(f)->write_error;
        free(folder_of(f)->record);
        folder_of(f)->record = run_record_to_text(record);
        assert_non_null(folder_of(f)->record);
        return 0;
}

static char *copy(const char *text) {
        char *c = strdup(strempty(text));

        assert_non_null(c);
        return c;
}

static int read_dm(RunFolder *f, DmRecord *ret) {
        const Stage *s = folder_of(f);

        if (!s->dm_known)
                return -ENOENT;
        *ret = s->dm;
        ret->stage = copy(s->dm.stage);
        ret->state = copy(s->dm.state);
        ret->error = copy(s->dm.error);
        return 0;
}

static int watch_dm(RunFolder *f, DmChanged changed, void *userdata) {
        folder_of(f)->dm_known = false;
        folder_of(f)->dm_changed = changed;
        folder_of(f)->dm_userdata = userdata;
        return 0;
}

static void unwatch_dm(RunFolder *f) {
        folder_of(f)->dm_changed = NULL;
}

static int listen_in(RunFolder *f, StopOrdered stop, void *userdata) {
        folder_of(f)->stop = stop;
        folder_of(f)->stop_userdata = userdata;
        return 0;
}

static void notify(RunFolder *f, const RunRecord *record) {
        folder_of(f)->n_told++;
}

static const RunFolderOps folder_ops = {
        .read_order = read_order,
        .read_record = read_record,
        .write_record = write_record,
        .read_dm = read_dm,
        .watch_dm = watch_dm,
        .unwatch_dm = unwatch_dm,
        .listen = listen_in,
        .notify = notify,
};

/* The play. */

int stage_set_up(void **state) {
        Stage *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        assert_int_equal(sim_loop_new(/* seed= */ 1, &s->loop), 0);
        s->program = (DomainProgram){
                .folder = "/nowhere",
                .hypervisor = "simulated",
                .sim_dir = "/nowhere",
                .dm = "/bin/true",
                .running_timeout = DOMAIN_PROGRAM_RUNNING_TIMEOUT,
        };
        s->hypervisor.ops = &hypervisor_ops;
        s->processes.ops = &process_ops;
        s->folder.ops = &folder_ops;
        s->found = -ENOENT;
        stage_order(s, /* n_vgpus= */ 0, "");
        *state = s;
        return 0;
}

int stage_tear_down(void **state) {
        Stage *s = *state;

        (void) domain_free(s->domain);
        assert_null(s->watches);
        (void) loop_timer_free(s->soon);
        (void) sim_loop_free(s->loop);
        free(s->helper_verb);
        free(s->order);
        free(s->record);
        free(s);
        return 0;
}

void stage_order(Stage *s, size_t n_vgpus, const char *more) {
        StrBuf b = {};

        strbuf_addf(&b,
                "{\"version\":1,\"epoch\":1,\"token\":\"" TOKEN "\",\"vm\":{\"uuid\":\"" VM
                "\",\"name_label\":\"one\",\"owner\":\"\",\"affinity\":\"\",\"platform\":{},\"config\":{"
                "\"c_info\":{\"type\":\"hvm\",\"name\":\"one\"},\"b_info\":{\"max_vcpus\":1,\"max_memkb\":65536,"
                "\"target_memkb\":65536,\"type.hvm\":{}}%s%s}},\"pcis\":[],\"vgpus\":[",
                *more ? "," : "", more);
        for (size_t i = 0; i < n_vgpus; i++)
                strbuf_addf(&b,
                        "%s{\"id\":[\"" VM "\",\"%zu\"],\"position\":%zu,\"physical_pci_address\":{\"domain\":0,"
                        "\"bus\":%zu,\"dev\":0,\"fn\":0},\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":{"
                        "\"domain\":0,\"bus\":0,\"dev\":%zu,\"fn\":0},\"config_file\":\"/x.conf\",\"uuid\":"
                        "\"00000000-0000-4000-8000-00000000000%zu\",\"extra_args\":\"\"}]}",
                        i > 0 ? "," : "", i, i, 131 + i, 11 + i, i + 1);
        strbuf_add(&b, "]}");
        free(s->order);
        s->order = strbuf_take(&b);
        assert_non_null(s->order);
}

void stage_left(Stage *s, const char *stage, const char *more) {
        free(s->record);
        assert_true(asprintf(&s->record,
                            "{\"version\":1,\"uuid\":\"" VM "\",\"token\":\"" TOKEN "\",\"state\":\"%s\",\"stage\":\"%s\","
                            "\"progress\":0.5,\"domid\":0,\"vgpus_active\":false,\"vgpus_plugged\":false,"
                            "\"pcis_plugged\":false,\"reason\":\"\",\"reboots\":0,\"let_go\":false%s%s}",
                            streq(stage, "running") || streq(stage, "wait") ? "running" : "starting", stage,
                            *more ? "," : "", more) > 0);
}

static void settle(Stage *s) {
        if (!sim_loop_has_exited(s->loop, NULL))
                sim_loop_settle(s->loop);
}

void stage_kill(Stage *s, const ProcessId *id) {
        end_process(s, id);
        settle(s);
}

void stage_begin(Stage *s) {
        const DomainWorld world = {
                .program = &s->program,
                .self = { .pid = 1, .start_time = 1 },
                .loop = sim_loop_of(s->loop),
                .hypervisor = &s->hypervisor,
                .processes = &s->processes,
                .folder = &s->folder,
        };

        assert_int_equal(domain_new(&world, &s->domain), 0);
        assert_int_equal(domain_begin(s->domain), 0);
        settle(s);
}

void stage_die(Stage *s) {
        s->domain = domain_free(s->domain);
        s->soon = loop_timer_free(s->soon);
        s->done = NULL;
        s->changed = NULL;
        s->emulator_changed = NULL;
        s->dm_changed = NULL;
        s->stop = NULL;
}

void stage_run(Stage *s, uint64_t seconds) {
        sim_loop_run(s->loop, seconds * STAGE_SECOND);
}

void stage_dm(Stage *s, const char *stage) {
        if (streq(stage, "emulator"))
                s->dm.emulator = stage_process(s);
        s->dm.stage = (char *) stage;
        s->dm.qemu = streq(stage, "ready") ? s->qemu : (ProcessId){};
        s->dm_known = true;
        assert_non_null(s->dm_changed);
        s->dm_changed(s->dm_userdata);
        settle(s);
}

void stage_finish_create(Stage *s, int result, const char *error) {
        (void) end_soon(s, result, error);
        settle(s);
}

void stage_emulator(Stage *s, const char *state) {
        assert_non_null(s->emulator_changed);
        s->emulator_changed(state, s->emulator_userdata);
        settle(s);
}

void stage_guest(Stage *s, GuestState state) {
        s->state = state;
        if (state == GUEST_GONE) {
                s->found = -ENOENT;
                s->all[s->qemu.pid - FIRST_PID].alive = false;
        }
        assert_non_null(s->changed);
        s->changed(state, s->changed_userdata);
        settle(s);
}

void stage_stop(Stage *s, bool force) {
        static const Uuid token = { .bytes = { 7 } };

        assert_non_null(s->stop);
        s->stop(&token, force, s->stop_userdata);
        settle(s);
}

void stage_wind_up(Stage *s) {
        domain_wind_up(s->domain);
        settle(s);
}

void stage_helper(Stage *s, int result, const char *words) {
        HelperDone done = take_ptr(s->helper_done);

        assert_non_null(done);
        done(result, words, s->helper_userdata);
        settle(s);
}

RunRecord stage_record(const Stage *s) {
        RunRecord record = {};

        assert_int_equal(read_record((RunFolder *) &s->folder, &record), 0);
        return record;
}

void stage_assert_at(Stage *s, const char *stage) {
        _cleanup_(run_record_done) RunRecord record = stage_record(s);

        assert_string_equal(record.stage, stage);
}

void stage_assert_end(Stage *s, const char *reason, const char *error) {
        _cleanup_(run_record_done) RunRecord record = stage_record(s);
        int status = -1;

        assert_int_equal(record.state, VM_STATE_HALTED);
        assert_string_equal(record.reason, reason);
        assert_string_equal(strempty(record.error_name), error);
        assert_int_equal(record.domid, 0);
        assert_int_equal(record.qemu.pid, 0);
        assert_int_equal(record.emulator.pid, 0);
        assert_true(sim_loop_has_exited(s->loop, &status));
        assert_int_equal(status, 0);
        for (unsigned i = 0; i < s->n; i++)
                assert_false(s->all[i].alive);
}
