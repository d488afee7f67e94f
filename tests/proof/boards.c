/*
 * Boards with virtual functions: the kernel's side
 *
 * A board has its physical function at its slot's number 0, and its virtual ones at 1 to 7. Who makes and takes back functions is in
 * the history, and whether a function is reset, reads all ones, or is suspect by the word of hostd's notes.
 */

#include <unistd.h>

#include "common/io/file.h"
#include "hostd/run/division.h"
#include "hostd/run/pci-function.h"
#include "tests/proof/boards.h"
#include "tests/proof/fiber.h"

#define MACHINES_MAX 64 /* in one process */
#define BUSY_PAUSE (500 * MS)
#define PATIENCE_OF_KERNEL (72 * SECOND) /* for a function whose physical one was reset behind it */

static Machine *machines[MACHINES_MAX]; /* that are there, for paths */

Machine *boards_machine_of(const char *path) {
        for (size_t i = 0; i < MACHINES_MAX; i++)
                if (machines[i] && machines[i]->inside && startswith(path, machines[i]->inside->runtime_dir))
                        return machines[i];
        return NULL;
}

/* Their beginning and end */

void boards_init(Machine *m, uint64_t seed) {
        Dice dice = {.state = seed};
        MachineBoard *b = &m->cards[m->n_pgpus - 1].board;
        unsigned kind;

        for (size_t i = 0; i < MACHINES_MAX; i++)
                if (!machines[i]) {
                        machines[i] = m;
                        break;
                }
        if (seed == 0 || chance(&dice, 600))
                return;
        b->is_one = true;
        b->total = (uint8_t) chance_between(&dice, 4, FUNCTIONS_MAX);
        kind = (unsigned) chance_between(&dice, 0, 5);
        m->keeps_divisions = kind == 5;
        b->at_boot = kind < 4 ? 0 : (uint8_t) (chance(&dice, 500) ? 4 : 2);
}

void boards_done(Machine *m) {
        for (size_t i = 0; i < MACHINES_MAX; i++)
                if (machines[i] == m)
                        machines[i] = NULL;
}

bool boards_has_one(const Machine *m) {
        return m->cards[m->n_pgpus - 1].board.is_one;
}

/* The one of a machine that is there, or NULL. */
static MachineBoard *own_board(Machine *m, PciAddress *ret) {
        unsigned card = m->n_pgpus - 1;

        if (!boards_has_one(m) || !m->is_on || m->cards[card].is_gone || m->cards[card].is_lost || m->cards[card].is_other)
                return NULL;
        *ret = cards_address(m, card);
        return &m->cards[card].board;
}

MachineBoard *boards_find(Machine *m, const PciAddress *function, unsigned *ret_card, unsigned *ret_number) {
        unsigned card = m->n_pgpus - 1;
        PciAddress physical = cards_address(m, card);
        MachineBoard *b = &m->cards[card].board;

        if (!b->is_one || m->cards[card].is_gone || m->cards[card].is_other || !pci_same_slot(&physical, function) || function->fn > b->n)
                return NULL;
        *ret_card = card;
        *ret_number = function->fn;
        return b;
}

static bool is_given(const Machine *m, const PciAddress *physical) {
        for (const XenDomain *d = m->inside->domains; d; d = d->next)
                for (size_t i = 0; i < d->n_functions; i++)
                        if (pci_address_compare(&d->functions[i], physical) == 0)
                                return true;
        return false;
}

static void set_number(Machine *m, MachineBoard *b, const PciAddress *physical, unsigned n, const char *by) {
        history_add(m->history, "%s board=%s functions=%u was=%u by=%s", m->name, PCI_TEXT(physical), n, b->n, by);
        helper_has_divided(m, n);
        b->n = (uint8_t) n;
        b->is_by_others = n > 0 && !streq(by, "hostd");
        b->is_reset = false;
        memset(b->is_dead, 0, sizeof(b->is_dead));
        memset(b->is_dead_for_good, 0, sizeof(b->is_dead_for_good));
}

void boards_power_on(Machine *m) {
        MachineBoard *b = &m->cards[m->n_pgpus - 1].board;

        b->no_autoprobe = false;
        memset(b->is_busy, 0, sizeof(b->is_busy));
        if (!b->is_one || m->cards[m->n_pgpus - 1].is_other || (b->n == 0 && b->at_boot == 0))
                return;
        set_number(m, b, &(PciAddress[]){cards_address(m, m->n_pgpus - 1)}[0], b->at_boot, "others");
}

/* What others do to them. */

static void say(Machine *m, const PciAddress *physical, unsigned number, const char *what) {
        PciAddress function = *physical;

        function.fn = (uint8_t) number;
        history_add(m->history, "%s function=%s is=%s", m->name, PCI_TEXT(&function), what);
}

bool boards_kill_function(Machine *m) {
        PciAddress physical;
        MachineBoard *b = own_board(m, &physical);
        unsigned k;

        if (!b || b->n == 0)
                return false;
        k = (unsigned) chance_between(m->dice, 1, b->n);
        b->is_dead[k] = true;
        b->is_dead_for_good[k] = chance(m->dice, 500);
        say(m, &physical, k, "dead");
        return true;
}

bool boards_take_functions(Machine *m) {
        PciAddress physical;
        MachineBoard *b = own_board(m, &physical);

        if (!b || b->n == 0)
                return false;
        set_number(m, b, &physical, 0, "others");
        if (chance(m->dice, 500))
                machine_rescan(m);
        return true;
}

bool boards_divide(Machine *m) {
        PciAddress physical;
        MachineBoard *b = own_board(m, &physical);

        if (!b || b->n > 0 || is_given(m, &physical))
                return false;
        set_number(m, b, &physical, (unsigned) chance_between(m->dice, 1, b->total), "others");
        if (chance(m->dice, 800))
                machine_rescan(m);
        return true;
}

bool boards_reset_behind(Machine *m) {
        PciAddress physical;
        MachineBoard *b = own_board(m, &physical);

        if (!b || b->n == 0)
                return false;
        b->is_reset = true;
        history_add(m->history, "%s board=%s is=reset-behind", m->name, PCI_TEXT(&physical));
        return true;
}

static bool is_noted(const Machine *m, const PciAddress *function) {
        for (const Folder *f = m->inside->folders; f; f = f->next) {
                FunctionNote note;

                if (f->function && function_note_read(f->path, &note) >= 0 && pci_address_compare(&note.virtual, function) == 0)
                        return true;
        }
        return false;
}

/* hostd's helper looks for it among those of the driver that gives functions to guests. */
static char *path_of_hold(const Machine *m, const PciAddress *function) {
        _cleanup_free_ char *folder = path_join(m->inside->runtime_dir, "sys/drivers/pciback");

        if (mkdir_parents(folder, 0700) < 0)
                abort();
        return path_join(folder, PCI_TEXT(function));
}

bool boards_lend(Machine *m, PciAddress *ret) {
        PciAddress physical, function;
        const MachineBoard *b = own_board(m, &physical);
        _cleanup_free_ char *path = NULL;

        if (!b || b->n == 0 || m->inside->helpers)
                return false;
        function = physical;
        function.fn = b->n;
        if (is_given(m, &function) || is_noted(m, &function))
                return false;
        path = path_of_hold(m, &function);
        if (file_write_atomic(path, "", 0, 0600) < 0)
                abort();
        *ret = function;
        return true;
}

void boards_take_back(Machine *m, const PciAddress *function) {
        _cleanup_free_ char *path = function->fn > 0 ? path_of_hold(m, function) : NULL;

        if (path)
                (void) unlink(path);
}

/* What hostd, the programs of VMs and their helpers see (hostd/run/pci-function.h). */

static MachineBoard *find(const char *sysfs, const PciAddress *function, Machine **ret, unsigned *ret_number) {
        unsigned card;

        *ret = boards_machine_of(sysfs);
        return *ret && (*ret)->is_on ? boards_find(*ret, function, &card, ret_number) : NULL;
}

static bool is_lost(const Machine *m) {
        return m->cards[m->n_pgpus - 1].is_lost;
}

const char *pci_function_driver(const char *sysfs, const PciAddress *function, char buf[static PCI_DRIVER_SIZE]) {
        Machine *m;
        unsigned number;
        const MachineBoard *b = find(sysfs, function, &m, &number);

        (void) stpcpy(buf, !b ? "" : number > 0 || is_given(m, function) ? "pciback" : "xe");
        return buf;
}

bool pci_function_has_driver(const char *sysfs, const PciAddress *function, const char *driver) {
        return streq(pci_function_driver(sysfs, function, (char[PCI_DRIVER_SIZE]){}), driver);
}

bool pci_driver_is_loaded(const char *sysfs, const char *driver) {
        return false;
}

bool pci_function_is_there(const char *sysfs, const PciAddress *function) {
        Machine *m;
        unsigned number;

        return find(sysfs, function, &m, &number);
}

bool pci_function_can_reset(const char *sysfs, const PciAddress *function) {
        return pci_function_is_there(sysfs, function);
}

int pci_function_read(const char *sysfs, const PciAddress *function, const char *name, char **ret) {
        Machine *m;
        unsigned number;
        const MachineBoard *b = find(sysfs, function, &m, &number);

        if (!b || !streq(name, "sriov_drivers_autoprobe"))
                return -ENOENT;
        *ret = strdup(b->no_autoprobe ? "0" : "1");
        return *ret ? 0 : -ENOMEM;
}

int kernel_write(const char *path, const char *value) {
        return -ENOENT;
}

int pci_function_physical(const char *sysfs, const PciAddress *function, PciAddress *ret) {
        Machine *m;
        unsigned number;

        if (!find(sysfs, function, &m, &number) || number == 0)
                return -ENOENT;
        *ret = *function;
        ret->fn = 0;
        return 0;
}

int pci_function_list_virtual(
        const char *sysfs, const PciAddress *physical, PciAddress *ret, size_t max, size_t *ret_n) {
        Machine *m;
        unsigned number;
        const MachineBoard *b = find(sysfs, physical, &m, &number);

        *ret_n = 0;
        for (unsigned i = 1; b && number == 0 && i <= b->n && *ret_n < max; i++) {
                ret[*ret_n] = *physical;
                ret[(*ret_n)++].fn = (uint8_t) i;
        }
        return 0;
}

bool pci_function_answers(const char *sysfs, const PciAddress *function) {
        Machine *m;
        unsigned number;
        const MachineBoard *b = find(sysfs, function, &m, &number);

        return b && !is_lost(m) && !b->is_dead[number];
}

int pci_function_has_sriov_enabled(const char *sysfs, const PciAddress *function) {
        Machine *m;
        unsigned number;
        const MachineBoard *b = find(sysfs, function, &m, &number);

        return !b || is_lost(m) ? -ENOENT : b->n > 0 && !b->is_reset;
}

size_t pci_function_companions(const char *sysfs, const PciAddress *function, PciAddress ret[static SLOT_FUNCTIONS]) {
        return 0;
}

/* What helpers write. It may take long, and goes on when the helper is killed meanwhile. */

static bool wait_for_kernel(uint64_t usec) {
        if (!fiber_now())
                abort();
        return fiber_pause_in_kernel(usec);
}

/* How many functions there are when the kernel was told so; what it says. */
static int divide(Machine *m, MachineBoard *b, const PciAddress *physical, unsigned n) {
        unsigned fault = m->count_divide ? (unsigned) chance_between(m->dice, 0, 3) : 0;

        if (m->count_divide)
                history_strike(&m->count_divide);
        if (fault == 1)
                return -EIO;
        set_number(m, b, physical, fault == 2 ? n - 1 : n, "hostd");
        if (fault == 3) {
                b->is_dead[n] = true;
                say(m, physical, n, "dead");
        }
        return 0;
}

/* Until nobody resets one of them; false: the machine is off. */
static bool await_idle(const MachineBoard *b, unsigned from, unsigned to) {
        for (unsigned i = from; i <= to; i++)
                while (b->is_busy[i])
                        if (!wait_for_kernel(BUSY_PAUSE))
                                return false;
        return true;
}

static int write_number(Machine *m, MachineBoard *b, const PciAddress *physical, unsigned n) {
        bool fails = n == 0 && b->n > 0 && m->count_undivide;

        if (!wait_for_kernel(soon_or_late(m, 50 * MS, SECOND)) || !await_idle(b, 1, FUNCTIONS_MAX))
                return -EIO;
        if (fails)
                history_strike(&m->count_undivide);
        if (fails || (n > 0 && b->n > 0 && n != b->n))
                return -EBUSY;
        if (is_lost(m) || n > b->total || is_given(m, physical))
                return n > b->total ? -ERANGE : -ENOENT;
        if (n == b->n)
                return 0;
        if (n > 0)
                return divide(m, b, physical, n);
        set_number(m, b, physical, 0, "hostd");
        return 0;
}

/* It fails at once; after the kernel's patience; or it does not come back within that of those who wait for it. */
static int reset(Machine *m, MachineBoard *b, const PciAddress *function, unsigned number) {
        static const uint64_t lasts[] = {100 * MS, 10 * MS, PATIENCE_OF_KERNEL, 600 * SECOND};
        unsigned fault;

        if (!await_idle(b, number, number))
                return -EIO;
        fault = m->count_reset ? (unsigned) chance_between(m->dice, 1, 3) : b->is_reset ? 2 : 0;
        if (m->count_reset)
                history_strike(&m->count_reset);
        b->is_busy[number] = true;
        if (!wait_for_kernel(fault > 0 ? lasts[fault] : soon_or_late(m, lasts[0], lasts[0])))
                return -EIO;
        b->is_busy[number] = false;
        if (number > b->n)
                return -ENODEV;
        b->is_dead[number] &= b->is_dead_for_good[number];
        history_add(m->history, "%s function=%s reset=%s", m->name, PCI_TEXT(function),
                fault > 0 || b->is_dead[number] || b->is_reset || is_lost(m) ? "failed" : "done");
        return fault > 0 || is_lost(m) ? -EIO : 0;
}

int pci_function_write(const char *sysfs, const PciAddress *function, const char *name, const char *value) {
        Machine *m;
        unsigned number;
        MachineBoard *b = find(sysfs, function, &m, &number);

        if (!fiber_step())
                return -EINTR;
        if (!b)
                return -ENOENT;
        if (streq(name, "reset"))
                return reset(m, b, function, number);
        if (streq(name, "sriov_numvfs"))
                return write_number(m, b, function, (unsigned) atoi(value));
        if (!streq(name, "sriov_drivers_autoprobe"))
                return -ENOENT; /* a profile, which this driver does not offer */
        b->no_autoprobe = streq(value, "0");
        return 0;
}

/* At the end: what there is, and what hostd's notes say of it. */

void boards_list(Machine *m) {
        PciAddress physical, function;
        const MachineBoard *b = own_board(m, &physical);
        unsigned n_suspect = 0;
        char division[16];
        Division note = {};
        bool noted;

        if (!b)
                return;
        function = physical;
        for (function.fn = 1; function.fn <= b->n; function.fn++) {
                _cleanup_free_ char *why = NULL;

                n_suspect += division_read_suspicion(m->inside->runtime_dir, &function, &why) >= 0;
        }
        noted = division_read_of(m->inside->runtime_dir, &physical, b->n, &note) >= 0;
        (void) snprintf(division, sizeof(division), b->n == 0 ? "none" : noted && !m->keeps_divisions ? "ours-%u" : "fixed-%u", b->n);
        history_add(m->history, "%s board=%s has=%u division=%s suspect=%u autoprobe=%d note=%s", m->name, PCI_TEXT(&physical), b->n, division,
                n_suspect, !b->no_autoprobe, !noted ? "none" : note.made ? "made" : "unmade");
        division_done(&note);
}
