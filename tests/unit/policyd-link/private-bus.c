/*
 * A private dbus-daemon for a test
 */

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/common/child.h"
#include "tests/unit/policyd-link/private-bus.h"

static const char config[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
        "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig><type>session</type><listen>%s</listen><auth>EXTERNAL</auth>"
        "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow "
        "eavesdrop=\"true\"/><allow own=\"*\"/></policy>"
        "<limit name=\"max_replies_per_connection\">50000</limit><limit "
        "name=\"max_connections_per_user\">2000</limit>"
        "<limit name=\"max_incomplete_connections\">1000</limit></busconfig>\n";

static const char *file_of(const PrivateBus *b, const char *name, char buf[static 128]) {
        snprintf(buf, 128, "%s/%s", b->dir, name);
        return buf;
}

void private_bus_make(PrivateBus *b) {
        char path[128];
        FILE *f;

        *b = (PrivateBus){};
        snprintf(b->dir, sizeof(b->dir), "/tmp/xenvgpu-test-XXXXXX");
        assert_non_null(mkdtemp(b->dir));
        snprintf(b->address, sizeof(b->address), "unix:path=%s", file_of(b, "bus", path));
        f = fopen(file_of(b, "bus.conf", path), "we");
        assert_non_null(f);
        fprintf(f, config, b->address);
        fclose(f);
        private_bus_start(b);
}

/* The socket's file is there a moment before it is listened on. */
static bool answers(const char *path) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        return connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0;
}

void private_bus_start(PrivateBus *b) {
        char path[128], argument[192];
        const char *const argv[] = {"dbus-daemon", argument, "--nofork", NULL};

        snprintf(argument, sizeof(argument), "--config-file=%s", file_of(b, "bus.conf", path));
        b->pid = child_start(argv);
        for (unsigned i = 0; i < 500 && !answers(file_of(b, "bus", path)); i++)
                usleep(10000);
        assert_true(answers(path));
}

void private_bus_stop(PrivateBus *b) {
        char path[128];

        if (b->pid == 0)
                return;
        kill(b->pid, SIGKILL);
        waitpid(b->pid, NULL, 0);
        b->pid = 0;
        unlink(file_of(b, "bus", path));
}

void private_bus_done(PrivateBus *b) {
        char path[128];

        private_bus_stop(b);
        unlink(file_of(b, "bus.conf", path));
        rmdir(b->dir);
}

sd_bus *private_bus_connect(PrivateBus *b, sd_event *event) {
        sd_bus *bus = NULL;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, b->address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        if (event)
                assert_true(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL) >= 0);
        return bus;
}
