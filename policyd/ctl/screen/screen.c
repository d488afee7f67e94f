/*
 * A terminal's whole screen, drawn again as it changes
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/strbuf.h"
#include "common/base/text.h"
#include "policyd/ctl/screen/screen.h"

/* The second page, no cursor, no wrapping of long lines; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

static void handle(int signal, void (*handler)(int), int flags) {
        struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

        (void) sigemptyset(&action.sa_mask);
        (void) sigaction(signal, &action, NULL);
}

static void say(const char *text) {
        if (write(STDOUT_FILENO, text, strlen(text)) < 0)
                return;
}

/* The signal then does what it always does. */
static void on_ending(int signal) {
        say(LEAVE);
        (void) raise(signal);
}

static void on_continued(int signal) {
        (void) signal;
        handle(SIGTSTP, on_ending, SA_RESETHAND | SA_NODEFER);
        say(ENTER);
}

bool screen_is_possible(void) {
        const char *terminal = getenv("TERM");

        return isatty(STDOUT_FILENO) && !isempty(terminal) && !streq(terminal, "dumb");
}

void screen_open(void) {
        for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
                handle(ending[i], on_ending, SA_RESETHAND | SA_NODEFER);
        handle(SIGCONT, on_continued, SA_RESTART);
        say(ENTER);
}

void screen_close(void) {
        say(LEAVE);
        for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
                handle(ending[i], SIG_DFL, 0);
        handle(SIGCONT, SIG_DFL, 0);
}

void screen_size(unsigned *ret_rows, unsigned *ret_columns) {
        struct winsize size = {};

        (void) ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        *ret_rows = size.ws_row > 0 ? size.ws_row : 24;
        *ret_columns = size.ws_col > 0 ? size.ws_col : 80;
}

void screen_draw(const char *text, unsigned rows) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_add(&b, "\033[H");
        for (unsigned row = 0; row < rows; row++) {
                size_t n = strcspn(text, "\n");

                strbuf_add_n(&b, text, n);
                strbuf_add(&b, row + 1 < rows ? "\033[K\r\n" : "\033[K");
                text += text[n] ? n + 1 : n;
        }
        if (strbuf_error(&b) == 0)
                say(b.text);
}
