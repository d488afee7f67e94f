/*
 * The helpers of virtual functions, each a process that may block
 *
 * They run the production code. A helper outlives a program that is killed, and is ended by one that ends. What it writes
 * to its notes may fail, and it may be killed before any of these writes.
 */

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "common/base/strlist.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "hostd/helper/virtual-function.h"
#include "hostd/run/division.h"
#include "tests/proof/boards.h"
#include "tests/proof/fiber.h"

#define LOCK_PAUSE (20 * MS)
#define STEPS_MAX 10

struct Helper {
        Machine *machine;
        Helper *next;
        Uuid vm, token;
        char **argv;
        Fiber *fiber;
        bool has_divided, has_undone;
        HelperEnded ended; /* NULL: nobody waits for it */
        void *userdata;
};

bool helper_is_of_functions(const char *verb) {
        return streq(verb, VIRTUAL_FUNCTION_VERB) || streq(verb, VIRTUAL_FUNCTION_UNDIVIDE_VERB) || streq(verb, VIRTUAL_FUNCTION_FREE_VERB);
}

static void forget(Helper *h) {
        for (Helper **at = &h->machine->inside->helpers; *at; at = &(*at)->next)
                if (*at == h) {
                        *at = h->next;
                        break;
                }
        strv_free(h->argv);
        free(h);
}

/* The one that runs now. */
static Helper *helper_now(const Machine *m) {
        Helper *h = fiber_now() ? m->inside->helpers : NULL;

        while (h && h->fiber != fiber_now())
                h = h->next;
        return h;
}

void helper_has_divided(const Machine *m, unsigned n) {
        Helper *h = helper_now(m);

        if (h && n > 0)
                h->has_divided = true;
        else if (h)
                h->has_undone = true;
}

static const char *what_was_divided(const Helper *h, const char *function) {
        PciAddress address;
        const MachineBoard *b;
        unsigned card, number;

        b = pci_address_from_string(function, &address) >= 0 ? boards_find(h->machine, &address, &card, &number) : NULL;
        if (b && (b->is_by_others || h->machine->keeps_divisions))
                return "fixed";
        return h->has_divided ? "anew" : h->has_undone ? "undone" : b ? "kept" : "no";
}

static const char *end_to_text(int status, const char *words) {
        if (status < 0)
                return "killed";
        if (status == 0)
                return "done";
        return strstr(words, "in another way for VM") ? "divided-in-another-way" : "refused";
}

static void on_end(int status, const char *words, void *userdata) {
        Helper *h = userdata;
        const char *verb = h->argv[1];
        _cleanup_free_ char *line = strndup(strempty(words), strcspn(strempty(words), "\n"));
        bool chooses = streq(verb, VIRTUAL_FUNCTION_VERB) && status == 0;

        history_add(h->machine->history, "%s helper vm=%s ends does=%s result=%s token=%s chooses=%s divided=%s", h->machine->name,
                UUID_TEXT(&h->vm), verb, end_to_text(status, line), UUID_TEXT(&h->token), chooses ? line : "none",
                what_was_divided(h, chooses ? line : ""));
        if (h->ended)
                h->ended(status, line, h->userdata);
        forget(h);
}

static int run(void *userdata) {
        Helper *h = userdata;

        return virtual_function_main((int) strv_count(h->argv), h->argv);
}

Helper *helper_start(Machine *m, const Uuid *vm, const Uuid *token, char *const *argv, HelperEnded ended, void *userdata) {
        Helper *h = calloc(1, sizeof(*h));

        if (!h || strv_copy(argv, &h->argv) < 0)
                abort();
        h->machine = m;
        h->next = m->inside->helpers;
        m->inside->helpers = h;
        h->vm = *vm;
        h->token = *token;
        h->ended = ended;
        h->userdata = userdata;
        history_add(m->history, "%s helper vm=%s does=%s", m->name, UUID_TEXT(vm), argv[1]);
        h->fiber = fiber_new(m->loop, soon_or_late(m, MS, 20 * MS), run, on_end, h);
        if (trouble(m, 60)) {
                fiber_live(h->fiber, chance_between(m->dice, 1, STEPS_MAX));
                machine_count(m, TROUBLE_HELPER_FAILS, vm);
        }
        return h;
}

void helper_leave(Helper *h, bool kill) {
        if (!h)
                return;
        h->ended = NULL;
        if (kill)
                fiber_kill(h->fiber);
}

bool boards_kill_helper(Machine *m) {
        size_t n = 0, k;

        for (const Helper *h = m->inside->helpers; h; h = h->next)
                n++;
        if (n == 0)
                return false;
        k = chance_between(m->dice, 0, n - 1);
        for (const Helper *h = m->inside->helpers; h; h = h->next)
                if (k-- == 0)
                        fiber_kill(h->fiber);
        return true;
}

void helpers_cut_power(Machine *m) {
        while (m->inside->helpers) {
                Helper *h = m->inside->helpers;

                fiber_destroy(h->fiber);
                forget(h);
        }
}

/* hostd's own look at suspect functions, a process that is no VM's */

static void on_look_end(int status, const char *words, void *userdata) {
        Process *p = userdata;

        p->owner = NULL;
        process_end(p, status < 0 ? SIGKILL : status << 8);
}

static void on_look_killed(Process *p) {
        helper_leave(p->owner, /* kill= */ true);
}

Process *look_execute(Machine *m, const char *const *argv) {
        Process *p = process_new(m, on_look_killed, NULL);

        p->owner = helper_start(m, &UUID_NULL, &UUID_NULL, (char *const *) argv, on_look_end, p);
        return p;
}

/* What the code of helpers calls, and these calls here take the place of (--wrap, see CMakeLists.txt). */

int __real_file_lock(const char *path, int *ret_fd);
int __wrap_file_lock(const char *path, int *ret_fd);
int __real_nanosleep(const struct timespec *wanted, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *rest);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_file_write_atomic(const char *path, const char *data, size_t size, unsigned mode);
int __wrap_file_write_atomic(const char *path, const char *data, size_t size, unsigned mode);

int __wrap_file_lock(const char *path, int *ret_fd) {
        int r;

        if (!fiber_now())
                return __real_file_lock(path, ret_fd);
        while ((r = fiber_is_dead() ? -EINTR : file_lock_try(path, ret_fd)) == -EBUSY)
                fiber_pause(LOCK_PAUSE);
        return r;
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *rest) {
        if (!fiber_now())
                return __real_nanosleep(wanted, rest);
        fiber_pause((uint64_t) wanted->tv_sec * SECOND + (uint64_t) wanted->tv_nsec / 1000);
        return 0;
}

/* The function of a note of suspicion, "…/divisions/0000:83:00.1.suspect"; false: it is another file. */
static bool is_suspicion(const char *path, char ret[static PCI_ADDRESS_TEXT_MAX]) {
        const char *at = strstr(path, "/divisions/"), *end = at ? strstr(at, ".suspect") : NULL;
        size_t n = end ? (size_t) (end - at) - strlen("/divisions/") : 0;

        if (n == 0 || n >= PCI_ADDRESS_TEXT_MAX)
                return false;
        memcpy(ret, at + strlen("/divisions/"), n);
        ret[n] = '\0';
        return true;
}

/* Who is at it: the verb of a helper, else hostd. */
static const char *who(const Machine *m) {
        const Helper *h = helper_now(m);

        return h ? h->argv[1] : "hostd";
}

/* "…/divisions/0000:83:00.0" */
static const char *is_division(const char *path) {
        const char *at = strstr(path, "/divisions/");

        return at && strlen(at + strlen("/divisions/")) == strlen("0000:83:00.0") ? at + strlen("/divisions/") : NULL;
}

static void say_division(const Machine *m, const char *board, const char *data_or_null) {
        const char *number = data_or_null ? strstr(data_or_null, "\"num_vfs\":") : NULL;

        if (!number)
                history_add(m->history, "%s board=%s note=gone by=%s", m->name, board, who(m));
        else
                history_add(m->history, "%s board=%s note=%s number=%d by=%s", m->name, board,
                        strstr(data_or_null, "\"made\":true") ? "made" : "unmade", atoi(number + strlen("\"num_vfs\":")), who(m));
}

static void say_note(const char *path, const char *data_or_null) {
        char function[PCI_ADDRESS_TEXT_MAX];
        const Machine *m = boards_machine_of(path);

        if (m && is_suspicion(path, function))
                history_add(m->history, "%s function=%s note=%s by=%s", m->name, function, data_or_null ? "suspect" : "gone", who(m));
        else if (m && is_division(path))
                say_division(m, is_division(path), data_or_null);
}

static bool note_fails(const char *path) {
        const Machine *m = boards_machine_of(path);

        return m && trouble(m, 5);
}

int __wrap_unlink(const char *path) {
        int r;

        if (fiber_now() && (!fiber_step() || note_fails(path))) {
                errno = fiber_is_dead() ? EINTR : EIO;
                return -1;
        }
        r = __real_unlink(path);
        if (r == 0)
                say_note(path, NULL);
        return r;
}

int __wrap_file_write_atomic(const char *path, const char *data, size_t size, unsigned mode) {
        int r;

        if (fiber_now() && (!fiber_step() || note_fails(path)))
                return fiber_is_dead() ? -EINTR : -ENOSPC;
        r = __real_file_write_atomic(path, data, size, mode);
        if (r >= 0)
                say_note(path, data);
        return r;
}
