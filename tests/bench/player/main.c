/*
 * xenvgpu-host-player
 *
 * Plays hostd for many hosts in one process, for the benchmarks: 64 hosts that run VMs at once. What it
 * refuses to start is what policyd has booked twice; it is counted, printed at SIGUSR1 and at the end, and
 * the exit status tells. tests/scenario/hostd holds it to what hostd is held to.
 */

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "common/base/parse.h"
#include "tests/bench/player/player.h"

#define EVENTS_AT_ONCE 64
#define MEMORY_DEFAULT (UINT64_C(64) << 40)

int player_watch(Player *p, Source *s) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

        return epoll_ctl(p->epoll, EPOLL_CTL_ADD, s->fd, &event) < 0 ? -errno : 0;
}

static void print_tally(const Player *p) {
        printf("{\"starts\":%" PRIu64 ",\"stops\":%" PRIu64 ",\"refused\":%" PRIu64 "}\n", p->n_starts,
                p->n_stops, p->n_refused);
        fflush(stdout);
}

static void on_signal(void *userdata) {
        struct signalfd_siginfo info;
        Player *p = userdata;

        if (read(p->signals.fd, &info, sizeof(info)) != sizeof(info))
                return;
        print_tally(p);
        p->ends |= info.ssi_signo != SIGUSR1;
}

static int watch_signals(Player *p) {
        sigset_t mask;

        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGUSR1);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        signal(SIGPIPE, SIG_IGN);
        p->signals = (Source){
                .ready = on_signal, .userdata = p, .fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)};
        return p->signals.fd < 0 ? -errno : player_watch(p, &p->signals);
}

static int run(Player *p) {
        puts("ready");
        fflush(stdout);
        while (!p->ends) {
                struct epoll_event events[EVENTS_AT_ONCE];
                int n = epoll_wait(p->epoll, events, EVENTS_AT_ONCE, -1);

                if (n < 0 && errno != EINTR)
                        return -errno;
                for (int i = 0; i < n; i++) {
                        Source *s = events[i].data.ptr;

                        s->ready(s->userdata);
                }
        }
        return 0;
}

static int play(Player *p, const char *folder) {
        int r;

        p->epoll = epoll_create1(EPOLL_CLOEXEC);
        p->hosts = calloc(p->n_hosts, sizeof(PlayedHost));
        if (p->epoll < 0 || !p->hosts)
                return -ENOMEM;
        r = watch_signals(p);
        r = r ?: types_make(p->types);
        for (unsigned i = 0; i < p->n_hosts && r >= 0; i++) {
                r = host_make(&p->hosts[i], p, i);
                r = r ?: host_listen(&p->hosts[i], folder);
        }
        return r ?: run(p);
}

static void player_done(Player *p) {
        for (unsigned i = 0; p->hosts && i < p->n_hosts; i++)
                if (p->hosts[i].player)
                        host_done(&p->hosts[i]);
        for (size_t i = 0; i < N_TYPES; i++)
                host_type_done(&p->types[i]);
        safe_close(p->signals.fd);
        safe_close(p->epoll);
        free(p->hosts);
}

static int usage(void) {
        fprintf(stderr,
                "usage: xenvgpu-host-player [--memory=BYTES] FOLDER HOSTS PGPUS\n"
                "Plays HOSTS hosts (at most %d) of PGPUS PGPUs each (at most %d), at FOLDER/h0001 and so on; "
                "prints \"ready\".\nSIGUSR1 prints how many orders were taken and refused; SIGTERM ends it, "
                "with status 3 when any was refused.\n",
                HOSTS_MAX, PGPUS_MAX);
        return 2;
}

static bool read_count(const char *text, uint64_t most, unsigned *ret) {
        uint64_t n;

        if (parse_number(text, &n) < 0 || n < 1 || n > most)
                return false;
        *ret = (unsigned) n;
        return true;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {{"memory", required_argument, NULL, 'm'}, {}};
        Player p = {.epoll = -1, .signals.fd = -1, .memory = MEMORY_DEFAULT};
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                if (c != 'm' || parse_number(optarg, &p.memory) < 0)
                        return usage();
        if (argc - optind != 3 || !read_count(argv[optind + 1], HOSTS_MAX, &p.n_hosts) ||
                !read_count(argv[optind + 2], PGPUS_MAX, &p.n_pgpus))
                return usage();

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        r = play(&p, argv[optind]);
        if (r < 0)
                fprintf(stderr, "xenvgpu-host-player: %s: %s\n", argv[optind], strerror(-r));
        player_done(&p);
        return r < 0 ? EXIT_FAILURE : p.n_refused > 0 ? 3 : 0;
}
