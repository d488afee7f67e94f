/*
 * xenvgpu: the command line
 */

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "common/base/parse.h"
#include "policyd/ctl/verbs.h"

#define WIDTH_MIN 40
#define WIDTH_MAX 400

static void look_at_terminal(Ctl *ctl) {
        const char *columns = getenv("COLUMNS");
        struct winsize size;
        uint32_t n;

        ctl->out_is_terminal = isatty(STDOUT_FILENO);
        ctl->err_is_terminal = isatty(STDERR_FILENO);
        ctl->utf8 = streq(nl_langinfo(CODESET), "UTF-8");
        ctl->width = 80;
        if (columns && parse_u32(columns, &n) >= 0)
                ctl->width = n;
        else if (ctl->out_is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                ctl->width = size.ws_col;
        ctl->width = MIN_OF(MAX_OF(ctl->width, WIDTH_MIN), WIDTH_MAX);
}

static int connect_to_pool(Ctl *ctl) {
        const char *address = getenv("XENVGPU_ADDRESS");
        _cleanup_client_error_ ClientError error = {};
        _cleanup_free_ char *ssh = NULL;
        int r;

        if (ctl->args.host) {
                if (client_ssh_address(ctl->args.host, &ssh) < 0)
                        return ctl_usage("--host '%s' is not USER@MASTER", ctl->args.host);
                address = ssh;
        }
        r = client_open(isempty(address) ? NULL : address, &error, &ctl->client);
        if (r >= 0)
                r = view_new(ctl->client, &ctl->view);
        return r < 0 ? ctl_failed(r, &error) : 0;
}

static int run(Ctl *ctl) {
        const Args *args = &ctl->args;
        VerbName v;
        int r;

        if (args->version) {
                puts("xenvgpu " XENVGPU_VERSION);
                return EXIT_DONE;
        }
        if (args->verb && streq(args->verb, "help"))
                return verb_help(ctl_arg(ctl, "verb"));
        if (args->help)
                return verb_help(args->verb);
        if (!args->verb)
                return ctl_usage("no verb given; `xenvgpu help` lists them");
        if (!verb_find(args->verb, &v))
                return verb_unknown(args->verb);

        r = verb_check(args->verb, v, &ctl->args);
        if (r == 0 && !v.verb->needs_no_pool)
                r = connect_to_pool(ctl);
        if (r != 0)
                return r;
        return verb_run(ctl, v);
}

int main(int argc, char **argv) {
        _cleanup_free_ char *error = NULL;
        Ctl ctl = {};
        int r;

        setlocale(LC_CTYPE, "");
        look_at_terminal(&ctl);
        r = args_parse(argc, argv, &ctl.args, &error);
        r = r < 0 ? ctl_usage("%s", error ? error : "out of memory") : run(&ctl);

        if (ctl.args.json && r != EXIT_DONE)
                (void) ctl_print_error();
        json_object_put(ctl.outcomes);
        free(ctl.note);
        view_free(ctl.view);
        client_close(ctl.client);
        args_done(&ctl.args);
        /* A full disk or a closed pipe is a failure, not a success with half the output. */
        if (fflush(stdout) != 0 && r == EXIT_DONE)
                r = EXIT_REFUSED;
        return r;
}
