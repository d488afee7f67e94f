/*
 * PCI functions that are taken from dom0: who goes along, and how NVIDIA's driver is made to let go
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "hostd/helper/nvidia-gpu.h"
#include "hostd/helper/passthrough.h"
#include "hostd/libxl/libxl-assign.h"

typedef struct Machine {
        char *folder, *sysfs, *gpus;
} Machine;

static void write_text(const char *folder, const char *name, const char *text) {
        _cleanup_free_ char *path = path_join(folder, name);

        assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void add_function(const Machine *m, const char *address, const char *class, const char *driver) {
        _cleanup_free_ char *devices = path_join(m->sysfs, "devices"), *folder = path_join(devices, address);
        _cleanup_free_ char *link = path_join(folder, "driver"), *target = path_join("../../drivers", driver);

        assert_int_equal(mkdir_parents(folder, 0755), 0);
        write_text(folder, "class", class);
        if (*driver)
                assert_int_equal(symlink(target, link), 0);
}

static void make_machine(Machine *m) {
        m->folder = strdup("/tmp/xenvgpu-test-XXXXXX");
        assert_non_null(mkdtemp(m->folder));
        m->sysfs = path_join(m->folder, "pci");
        m->gpus = path_join(m->folder, "gpus");
        assert_int_equal(mkdir_parents(m->sysfs, 0755), 0);
        assert_int_equal(mkdir_parents(m->gpus, 0755), 0);
}

static void end_machine(Machine *m) {
        assert_int_equal(remove_tree(m->folder), 0);
        free(m->folder);
        free(m->sysfs);
        free(m->gpus);
}

static const PciAddress card = {.bus = 0x84};

static void make_virtual(const Machine *m, const char *address) {
        _cleanup_free_ char *devices = path_join(m->sysfs, "devices"), *folder = path_join(devices, address);
        _cleanup_free_ char *link = path_join(folder, "physfn");

        assert_int_equal(symlink("../0000:84:00.0", link), 0);
}

/* Eight of an MxGPU's functions share a slot, and belong to eight VMs. */
static void a_virtual_function_goes_alone(void **state) {
        static const PciAddress function = {.bus = 0x84, .dev = 2, .fn = 1};
        static const char *const addresses[] = {"0000:84:02.0", "0000:84:02.1", "0000:84:02.2", "0000:84:00.3"};
        PciAddress companions[SLOT_FUNCTIONS];
        Machine m;

        make_machine(&m);
        add_function(&m, "0000:84:00.0", "0x030000\n", "gim");
        for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
                add_function(&m, addresses[i], "0x030000\n", "");
                make_virtual(&m, addresses[i]);
        }
        assert_int_equal(pci_function_companions(m.sysfs, &function, companions), 0);
        /* Nor do they go along with what they are functions of. */
        assert_int_equal(pci_function_companions(m.sysfs, &card, companions), 0);
        end_machine(&m);
}

static void the_card_goes_along_and_nothing_else_of_its_slot(void **state) {
        PciAddress companions[SLOT_FUNCTIONS];
        Machine m;

        make_machine(&m);
        add_function(&m, "0000:84:00.0", "0x030000\n", "nvidia");
        add_function(&m, "0000:84:00.1", "0x040300\n", "snd_hda_intel");
        add_function(&m, "0000:84:00.2", "0x060400\n", "pcieport");
        add_function(&m, "0000:84:00.3", "0x030200\n", "nvidia");
        add_function(&m, "0000:84:00.4", "0x120000\n", "amdgpu");
        add_function(&m, "0000:84:00.5", "0x020000\n", "igb");
        write_text(m.sysfs, "devices/0000:84:00.5/sriov_totalvfs", "8\n");
        add_function(&m, "0000:84:00.6", "0x0c0300\n", "");
        write_text(m.sysfs, "devices/0000:84:00.6/physfn.link", "../0000:84:00.5\n");
        add_function(&m, "0000:85:00.1", "0x040300\n", "");
        assert_int_equal(pci_function_companions(m.sysfs, &card, companions), 1);
        assert_string_equal(PCI_TEXT(&companions[0]), "0000:84:00.1");
        end_machine(&m);
}

static void other_drivers_are_not_asked(void **state) {
        _cleanup_free_ char *error = NULL;
        Machine m;

        make_machine(&m);
        assert_int_equal(nvidia_gpu_release(m.sysfs, m.gpus, &card, &error), 0);
        add_function(&m, "0000:84:00.0", "0x030000\n", "nouveau");
        assert_int_equal(nvidia_gpu_release(m.sysfs, m.gpus, &card, &error), 0);
        assert_null(error);
        end_machine(&m);
}

static void nvidia_without_a_lock_lets_go(void **state) {
        _cleanup_free_ char *error = NULL;
        Machine m;

        make_machine(&m);
        add_function(&m, "0000:84:00.0", "0x030000\n", "nvidia");
        assert_int_equal(nvidia_gpu_release(m.sysfs, m.gpus, &card, &error), 0);
        end_machine(&m);
}

/*
 * The driver shows a GPU in a folder of this name, with this information if any; the card at bus BUS is asked
 * of it, and the folder's lock then holds LOCK. A plain file takes what is written.
 */
static void assert_lock(uint8_t bus, const char *name, const char *information, const char *lock) {
        _cleanup_free_ char *error = NULL, *folder = NULL, *path = NULL, *value = NULL;
        const PciAddress function = {.bus = bus};
        Machine m;

        make_machine(&m);
        add_function(&m, PCI_TEXT(&function), "0x030000\n", "nvidia");
        folder = path_join(m.gpus, name);
        assert_int_equal(mkdir_parents(folder, 0755), 0);
        write_text(folder, "unbindLock", "0");
        if (information)
                write_text(folder, "information", information);
        path = path_join(folder, "unbindLock");
        assert_int_equal(nvidia_gpu_release(m.sysfs, m.gpus, &function, &error), 0);
        assert_null(error);
        assert_int_equal(file_read_line(path, &value), 0);
        assert_string_equal(value, lock);
        end_machine(&m);
}

static void the_unbind_lock_is_taken(void **state) {
        assert_lock(0x84, "0000:84:00.0", NULL, "1");
}

static void the_lock_is_found_however_its_folder_is_named(void **state) {
        assert_lock(0x84, "84:00.0", NULL, "1");
        assert_lock(0x84, "00000000:84:00.0", NULL, "1");
        assert_lock(0x8a, "0000:8A:00.0", NULL, "1");
        assert_lock(0x84, "0",
                "Model: \t\t GRID K1\nIRQ:   \t\t 42\nBus Location: \t 0000:84:00.0\nDevice Minor: \t 0\n", "1");
        assert_lock(0x84, "gpu-84", "Bus Location:00000000:84:00.0", "1");
}

/* Nor is the lock of another GPU touched. */
static void a_driver_that_does_not_show_the_function_is_unbound_without_a_lock(void **state) {
        assert_lock(0x84, "0000:85:00.0", NULL, "0");
        assert_lock(0x84, "1", "Model: GRID K1\n", "0");
}

static void a_lock_that_is_not_given_is_a_sentence(void **state) {
        _cleanup_free_ char *error = NULL, *folder = NULL, *path = NULL;
        Machine m;

        make_machine(&m);
        add_function(&m, "0000:84:00.0", "0x030000\n", "nvidia");
        folder = path_join(m.gpus, "0000:84:00.0");
        assert_int_equal(mkdir_parents(folder, 0755), 0);
        path = path_join(folder, "unbindLock");
        /* Takes what is written, and reads as empty. */
        assert_int_equal(symlink("/dev/null", path), 0);
        assert_int_equal(nvidia_gpu_release(m.sysfs, m.gpus, &card, &error), -EBUSY);
        assert_non_null(strstr(error, "0000:84:00.0"));
        end_machine(&m);
}

static void nothing_taken_is_nothing_to_give_back(void **state) {
        HelperWork work = {};
        Machine m;

        make_machine(&m);
        assert_int_equal(passthrough_give_back(m.folder, &work), -ENOENT);
        write_text(m.folder, "functions.json", "{\"taken\":7}");
        assert_int_equal(passthrough_give_back(m.folder, &work), -EBADMSG);
        assert_int_equal(work.arguments.n, 0);
        end_machine(&m);
}

/* What somebody else made assignable is theirs; what an earlier try of ours did is noted, and ours. */
static void what_is_taken_is_noted_first(void **state) {
        static const PciAddress functions[] = { { .bus = 0x84 }, { .bus = 0x85 }, { .bus = 0x84 } };
        _cleanup_(helper_work_done) HelperWork taking = {}, again = {}, giving_back = {};
        Machine m;

        make_machine(&m);
        add_function(&m, "0000:84:00.0", "0x030000\n", "nvidia");
        add_function(&m, "0000:85:00.0", "0x030000\n", "pciback");
        assert_int_equal(passthrough_take(m.sysfs, m.folder, functions, ARRAY_SIZE(functions), &taking), 0);
        assert_int_equal(taking.arguments.n, 3);
        assert_string_equal(taking.arguments.items[0], PASSTHROUGH_TAKE);
        assert_string_equal(taking.arguments.items[1], m.folder);
        assert_string_equal(taking.arguments.items[2], "0000:84:00.0");

        write_text(m.folder, "functions.json", "{\"taken\":[\"0000:84:00.0\",\"0000:85:00.0\"]}");
        assert_int_equal(passthrough_take(m.sysfs, m.folder, functions, ARRAY_SIZE(functions), &again), 0);
        assert_int_equal(again.arguments.n, 4);

        assert_int_equal(passthrough_give_back(m.folder, &giving_back), 0);
        assert_int_equal(giving_back.arguments.n, 4);
        passthrough_forget(m.folder);
        assert_int_equal(passthrough_give_back(m.folder, &giving_back), -ENOENT);
        end_machine(&m);
}

static void write_override(const Machine *m, const char *driver) {
        write_text(m->sysfs, "devices/0000:84:00.0/driver_override", driver);
}

/* Nothing but that driver is bound to the function otherwise, pciback neither; and it is set again when the function goes back. */
static void a_driver_that_is_prescribed_is_noted(void **state) {
        static const PciAddress functions[] = { { .bus = 0x84 }, { .bus = 0x85 } };
        static const struct {
                const char *first, *second, *argument;
        } cases[] = {
                { "pci-pf-stub\n", "(null)\n", "0000:84:00.0=pci-pf-stub" }, /* cleared by the first try */
                { "(null)\n", "(null)\n", "0000:84:00.0" },
                { "pciback\n", "pciback\n", "0000:84:00.0" },
                { "\n", "vfio-pci\n", "0000:84:00.0=vfio-pci" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(helper_work_done) HelperWork taking = {}, again = {}, giving_back = {};
                Machine m;

                make_machine(&m);
                add_function(&m, "0000:84:00.0", "0x030000\n", "nvidia");
                add_function(&m, "0000:85:00.0", "0x030000\n", "nvidia");
                write_override(&m, cases[i].first);
                assert_int_equal(passthrough_take(m.sysfs, m.folder, functions, ARRAY_SIZE(functions), &taking), 0);
                write_override(&m, cases[i].second);
                assert_int_equal(passthrough_take(m.sysfs, m.folder, functions, ARRAY_SIZE(functions), &again), 0);
                assert_int_equal(passthrough_give_back(m.folder, &giving_back), 0);
                assert_string_equal(again.arguments.items[2], cases[i].argument);
                assert_string_equal(giving_back.arguments.items[2], cases[i].argument);
                assert_string_equal(giving_back.arguments.items[3], "0000:85:00.0");
                assert_int_equal(giving_back.arguments.n, 4);
                end_machine(&m);
        }
}

static void assert_said(const HelperWork *work) {
        char text[32];

        (void) snprintf(text, sizeof(text), "within %llu seconds", (unsigned long long) work->timeout / 1000000);
        assert_non_null(strstr(work->late, text));
}

/* libxl may reset a function when it is unbound, bound once more and unbound again; each reset that fails takes 72 s. */
static void giving_back_has_a_patience_of_its_own(void **state) {
        static const PciAddress functions[] = { { .bus = 0x84 } };
        _cleanup_(helper_work_done) HelperWork taking = {}, giving_back = {};
        Machine m;

        make_machine(&m);
        add_function(&m, "0000:84:00.0", "0x030000\n", "nvidia");
        assert_int_equal(passthrough_take(m.sysfs, m.folder, functions, ARRAY_SIZE(functions), &taking), 0);
        assert_int_equal(passthrough_give_back(m.folder, &giving_back), 0);
        assert_true(giving_back.timeout > 3 * UINT64_C(72000000) && taking.timeout < giving_back.timeout);
        assert_said(&taking);
        assert_said(&giving_back);
        end_machine(&m);
}

static void a_function_comes_back_from_wherever_it_is(void **state) {
        _cleanup_free_ char *pciback = NULL;
        Machine m;

        make_machine(&m);
        assert_int_equal(assign_how_to_return(m.sysfs, &card), ASSIGN_RETURN_NOTHING);
        add_function(&m, "0000:84:00.0", "0x030000\n", "");
        assert_int_equal(assign_how_to_return(m.sysfs, &card), ASSIGN_RETURN_NOTHING);
        pciback = path_join(m.sysfs, "drivers/pciback");
        assert_int_equal(mkdir_parents(pciback, 0755), 0);
        assert_int_equal(assign_how_to_return(m.sysfs, &card), ASSIGN_RETURN_RETAKE);
        end_machine(&m);

        make_machine(&m);
        add_function(&m, "0000:84:00.0", "0x030000\n", "nvidia");
        assert_int_equal(assign_how_to_return(m.sysfs, &card), ASSIGN_RETURN_NOTHING);
        end_machine(&m);

        make_machine(&m);
        add_function(&m, "0000:84:00.0", "0x030000\n", "pciback");
        assert_int_equal(assign_how_to_return(m.sysfs, &card), ASSIGN_RETURN_REMOVE);
        end_machine(&m);
}

static void on_taken(int result, const char *error, void *userdata) {
        *(bool *) userdata = true;
}

static void run_loop(sd_event *event, const bool *ended, unsigned tries) {
        for (unsigned i = 0; i < tries && !*ended; i++)
                assert_true(sd_event_run(event, /* timeout= */ 100000) >= 0);
}

/* An instance that was killed may have left a helper at work: ours must not give back beside it. */
static void a_helper_waits_for_the_one_before(void **state) {
        _cleanup_(helper_work_done) HelperWork work = {};
        _cleanup_free_ char *path = NULL;
        HelperProcess *p = NULL;
        sd_event *event = NULL;
        bool ended = false;
        sigset_t mask;
        Machine m;
        int lock;

        make_machine(&m);
        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        assert_int_equal(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
        assert_true(sd_event_new(&event) >= 0);
        path = path_join(m.folder, "functions.lock");
        lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(lock >= 0);
        assert_int_equal(flock(lock, LOCK_EX), 0);

        write_text(m.folder, "functions.json", "{\"taken\":[\"ffff:84:00.0\"]}");
        assert_int_equal(passthrough_give_back(m.folder, &work), 0);
        assert_int_equal(helper_process_start(event, &work, on_taken, &ended, &p), 0);
        run_loop(event, &ended, 5);
        assert_false(ended);

        (void) close(lock);
        run_loop(event, &ended, 100);
        assert_true(ended);
        (void) helper_process_free(p);
        sd_event_unref(event);
        end_machine(&m);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_card_goes_along_and_nothing_else_of_its_slot),
                cmocka_unit_test(a_virtual_function_goes_alone),
                cmocka_unit_test(other_drivers_are_not_asked),
                cmocka_unit_test(nvidia_without_a_lock_lets_go),
                cmocka_unit_test(the_unbind_lock_is_taken),
                cmocka_unit_test(the_lock_is_found_however_its_folder_is_named),
                cmocka_unit_test(a_driver_that_does_not_show_the_function_is_unbound_without_a_lock),
                cmocka_unit_test(a_lock_that_is_not_given_is_a_sentence),
                cmocka_unit_test(nothing_taken_is_nothing_to_give_back),
                cmocka_unit_test(what_is_taken_is_noted_first),
                cmocka_unit_test(a_driver_that_is_prescribed_is_noted),
                cmocka_unit_test(giving_back_has_a_patience_of_its_own),
                cmocka_unit_test(a_function_comes_back_from_wherever_it_is),
                cmocka_unit_test(a_helper_waits_for_the_one_before),
        };

        /* As the helper that passthrough.c starts. */
        if (argc >= 2 && streq(argv[1], PASSTHROUGH_GIVE_BACK))
                return assign_main(argc, argv);

        return cmocka_run_group_tests(tests, NULL, NULL);
}
