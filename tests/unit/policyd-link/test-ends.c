/*
 * Links by the hundred, of every kind, that end in every phase
 *
 * Each connection to the real bus lets a number of bytes through and then ends. The number grows from
 * connection to connection, so that the ends fall into the start of ssh, authentication, Hello, subscription,
 * greeting, claim, the inventory while it is read, and orders that wait for their answer. Meanwhile children
 * live for a moment that hold copies of all descriptors, as each child does while it is being spawned: an
 * epoll that still lists a descriptor which its owner has closed then reports it for ever.
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/policyd-link/link-world.h"

#define BY_UNIX 180
#define BY_SSH 30
#define ORDERS 3
#define BYTES_MAX 4000 /* a whole story up to the first orders has about half of them */
#define HOLDERS 4

typedef struct Ends Ends;

typedef struct Pipe {
        Ends *ends;
        int fd[2];
        sd_event_source *source[2];
        size_t left; /* bytes that the host may still say */
        struct Pipe *next;
} Pipe;

typedef struct EndingLink {
        Ends *ends;
        HostLink *link;
        bool greeted, claimed, free_next;
        unsigned n_lost;
} EndingLink;

struct Ends {
        World *w;
        EndingLink links[BY_UNIX + BY_SSH];
        size_t n;
        unsigned n_dials, n_asked, n_answered, n_unknown, n_freed;
        unsigned lost_before_greeting, lost_before_claim, lost_after_claim;
        int listener;
        char listener_path[128], ssh_path[128];
        sd_event_source *accept_source;
        Pipe *pipes;
        pid_t holders[HOLDERS];
        unsigned turn;
};

/* The wire: what the host says ends after a number of bytes */

static void pipe_end(Pipe *p) {
        for (unsigned i = 0; i < 2; i++) {
                p->source[i] = sd_event_source_disable_unref(p->source[i]);
                p->fd[i] = safe_close(p->fd[i]);
        }
}

static int on_bytes(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Pipe *p = userdata;
        bool from_host = fd == p->fd[1];
        char buffer[512];
        ssize_t n;

        n = read(fd, buffer, from_host && p->left < sizeof(buffer) ? p->left : sizeof(buffer));
        if (n > 0 && send(p->fd[from_host ? 0 : 1], buffer, (size_t) n, MSG_NOSIGNAL) == n) {
                if (from_host)
                        p->left -= (size_t) n;
                if (p->left > 0)
                        return 0;
        }
        pipe_end(p);
        return 0;
}

static int unix_socket(const char *path, struct sockaddr_un *ret) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        assert_true(strlen(path) < sizeof(ret->sun_path));
        strcpy(ret->sun_path, path);
        return fd;
}

static int connect_to(const char *path) {
        struct sockaddr_un address;
        int fd = unix_socket(path, &address);

        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

static int on_dialled(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Ends *ends = userdata;
        Pipe *p = calloc(1, sizeof(*p));

        assert_non_null(p);
        p->ends = ends;
        p->next = ends->pipes;
        ends->pipes = p;
        p->left = (size_t) ends->n_dials++ * 61 % BYTES_MAX;
        p->fd[0] = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        p->fd[1] = connect_to(ends->w->bus.address + strlen("unix:path="));
        assert_true(p->fd[0] >= 0);
        for (unsigned i = 0; i < 2; i++)
                assert_true(
                        sd_event_add_io(ends->w->event, &p->source[i], p->fd[i], EPOLLIN, on_bytes, p) >= 0);
        if (p->left == 0)
                pipe_end(p);
        return 0;
}

static void listen_for_links(Ends *ends) {
        struct sockaddr_un address;

        snprintf(ends->listener_path, sizeof(ends->listener_path), "%s/cut", ends->w->bus.dir);
        ends->listener = unix_socket(ends->listener_path, &address);
        assert_int_equal(bind(ends->listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(ends->listener, 512), 0);
        assert_true(sd_event_add_io(ends->w->event, &ends->accept_source, ends->listener, EPOLLIN, on_dialled,
                            ends) >= 0);
}

/* In ssh's place: the port says after how many bytes it ends, or that it does at once. */
static void put_ssh(Ends *ends) {
        FILE *f;

        snprintf(ends->ssh_path, sizeof(ends->ssh_path), "%s/ssh", ends->w->bus.dir);
        f = fopen(ends->ssh_path, "we");
        assert_non_null(f);
        fprintf(f,
                "#!/bin/sh\nwhile [ \"$1\" != -p ]; do shift; done\n"
                "[ $(($2 %% 3)) != 0 ] || { echo refused >&2; exit 255; }\n"
                "systemd-stdio-bridge --bus-path=%s 2>/dev/null | head -c $2\n",
                ends->w->bus.address);
        fclose(f);
        assert_int_equal(chmod(ends->ssh_path, 0755), 0);
        ends->w->settings.ssh_program = ends->ssh_path;
}

/* The links' owner */

static int on_greeted(
        HostLink *link, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason, void *userdata) {
        EndingLink *l = userdata;

        l->greeted = true;
        *ret = (LinkClaim){.epoch = greeting->epoch + 1, .pool.bytes = {1}, .instance.bytes = {2}};
        return 1;
}

static void ask(EndingLink *l, unsigned n);

static void on_reply(
        HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata) {
        EndingLink *l = userdata;

        l->ends->n_answered++;
        if (outcome == LINK_UNKNOWN)
                l->ends->n_unknown++;
        else if (outcome == LINK_DONE)
                ask(l, 1);
}

/* One after the other until the bytes are spent. What cannot be sent any more is not answered either. */
static void ask(EndingLink *l, unsigned n) {
        for (; n > 0 && link_start_vm(l->link, "{}", on_reply, l) == 0; n--)
                l->ends->n_asked++;
}

static int on_claimed(
        HostLink *link, uint64_t held, Inventory *inventory, char **ret_reason, void *userdata) {
        EndingLink *l = userdata;

        l->claimed = true;
        ask(l, ORDERS);
        return 0;
}

static void on_lost(HostLink *link, const char *reason, void *userdata);
static const LinkOwner owner = {.greeted = on_greeted, .claimed = on_claimed, .lost = on_lost};

static void dial(EndingLink *l) {
        size_t i = (size_t) (l - l->ends->links);
        char address[160];

        if (i < BY_UNIX)
                snprintf(address, sizeof(address), "unix:path=%s", l->ends->listener_path);
        else
                snprintf(address, sizeof(address), "ssh:a@b:%zu", 1 + (i - BY_UNIX) * 101 % BYTES_MAX);
        assert_int_equal(link_new(l->ends->w->loop, l->ends->w->event, address, &l->ends->w->settings, &owner, l, &l->link), 0);
        assert_int_equal(link_start(l->link), 0);
}

/* Every second loss frees the link in its own callback; another takes its place. */
static void on_lost(HostLink *link, const char *reason, void *userdata) {
        EndingLink *l = userdata;
        Ends *ends = l->ends;

        assert_true(*reason);
        if (l->claimed)
                ends->lost_after_claim++;
        else if (l->greeted)
                ends->lost_before_claim++;
        else
                ends->lost_before_greeting++;
        l->greeted = l->claimed = false;
        if (++l->n_lost % 2 == 0) {
                link_free(l->link);
                ends->n_freed++;
                dial(l);
        }
}

/* Children that hold what is open */

static void hold(Ends *ends) {
        pid_t *holder = &ends->holders[ends->turn % HOLDERS];

        if (*holder > 0) {
                kill(*holder, SIGKILL);
                assert_int_equal(waitpid(*holder, NULL, 0), *holder);
        }
        *holder = fork();
        assert_true(*holder >= 0);
        if (*holder == 0) {
                usleep(2000000);
                _exit(0);
        }
}

static void let_go(Ends *ends) {
        for (unsigned i = 0; i < HOLDERS; i++)
                if (ends->holders[i] > 0) {
                        kill(ends->holders[i], SIGKILL);
                        assert_int_equal(waitpid(ends->holders[i], NULL, 0), ends->holders[i]);
                }
}

static unsigned open_descriptors(void) {
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static bool each_phase_was_met(const Ends *ends) {
        return ends->lost_before_greeting > 300 && ends->lost_before_claim > 20 &&
               ends->lost_after_claim > 100 && ends->n_unknown > 100 && ends->n_freed > 100;
}

/* The phases are met by chance, and more slowly on a busy machine. */
#define PATIENCE 240000

static void run(Ends *ends) {
        for (uint64_t end = world_now() + PATIENCE; world_now() < end && !each_phase_was_met(ends);) {
                assert_true(sd_event_run(ends->w->event, 10000) >= 0);
                if (++ends->turn % 256 == 0)
                        hold(ends);
        }
}

static void done(Ends *ends) {
        Pipe *p;

        for (size_t i = 0; i < ends->n; i++)
                link_free(ends->links[i].link);
        while ((p = ends->pipes)) {
                ends->pipes = p->next;
                pipe_end(p);
                free(p);
        }
        sd_event_source_disable_unref(ends->accept_source);
        close(ends->listener);
        unlink(ends->listener_path);
        unlink(ends->ssh_path);
        let_go(ends);
}

static void test_hundreds_of_links_end_in_every_phase(void **state) {
        World *w = *state;
        Ends *ends = calloc(1, sizeof(*ends));
        unsigned n_open;

        assert_non_null(ends);
        ends->w = w;
        ends->n = ARRAY_SIZE(ends->links);
        w->settings.retry_min_usec = 100000;
        w->settings.retry_max_usec = 1000000;
        /* Some of the bridges live on and say nothing more. */
        w->settings.connect_usec = w->settings.call_usec = 3000000;
        fake_host_start(&w->host, &w->bus, w->event);
        run_for(w, 20);
        n_open = open_descriptors();
        listen_for_links(ends);
        put_ssh(ends);
        for (size_t i = 0; i < ends->n; i++) {
                ends->links[i].ends = ends;
                dial(&ends->links[i]);
        }

        run(ends);
        done(ends);
        print_message("%u connections by unix; lost: %u before the greeting, %u before the claim, %u "
                      "claimed; %u orders, %u left "
                      "unknown\n",
                ends->n_dials, ends->lost_before_greeting, ends->lost_before_claim, ends->lost_after_claim,
                ends->n_asked, ends->n_unknown);
        assert_true(each_phase_was_met(ends));
        assert_true(ends->n_answered <= ends->n_asked);
        assert_int_equal(open_descriptors(), n_open);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* the bus alone is left */
        free(ends);
}

/* One by one, so that the end is the only thing that happens. */
static void test_a_connection_ends_while_a_child_holds_its_descriptor(void **state) {
        World *w = *state;
        Ends ends = {.w = w};

        world_claimed_host(state);
        hold(&ends);
        private_bus_stop(&w->bus);
        RUN_UNTIL(w, w->n_lost > 1);
        run_for(w, 200);
        let_go(&ends);
}

static void test_ssh_ends_while_a_child_holds_its_descriptor(void **state) {
        World *w = *state;
        Ends ends = {.w = w};
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/ssh", w->bus.dir);
        f = fopen(path, "we");
        assert_non_null(f);
        fprintf(f, "#!/bin/sh\nread line\nexit 255\n");
        fclose(f);
        assert_int_equal(chmod(path, 0755), 0);
        w->settings.ssh_program = path;
        world_dial(w, "ssh:a@b");
        sd_event_run(w->event, 0);
        hold(&ends);
        RUN_UNTIL(w, w->n_lost > 2);
        run_for(w, 200);
        w->link = link_free(w->link);
        unlink(path);
        let_go(&ends);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_connection_ends_while_a_child_holds_its_descriptor),
                WORLD_TEST(test_ssh_ends_while_a_child_holds_its_descriptor),
                WORLD_TEST(test_hundreds_of_links_end_in_every_phase),
        };

        if (argc > 1)
                cmocka_set_test_filter(argv[1]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
