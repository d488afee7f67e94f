/*
 * Files named on the command line
 */

#include <stdio.h>
#include <unistd.h>

#include "common/io/file.h"
#include "policyd/ctl/ctl.h"
#include "policyd/ctl/file-argument.h"

int file_argument_read(const char *argument, char **ret, size_t *ret_size) {
        const char *path = *argument == '@' ? argument + 1 : argument;
        int r;

        r = streq(path, "-") ? file_read_fd(STDIN_FILENO, FILE_ARGUMENT_MAX, ret, ret_size)
                             : file_read(path, FILE_ARGUMENT_MAX, ret, ret_size);
        if (r == -EFBIG)
                return ctl_usage("'%s' is larger than %u MiB", path, FILE_ARGUMENT_MAX >> 20);
        return r < 0 ? ctl_usage("cannot read '%s': %s", path, strerror(-r)) : 0;
}

int file_argument_write(const char *argument, const char *text) {
        int r;

        if (isempty(argument) || streq(argument, "-")) {
                printf("%s%s", text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
                return 0;
        }
        r = file_write_atomic(*argument == '@' ? argument + 1 : argument, text, strlen(text), 0644);
        if (r < 0) {
                _cleanup_free_ char *sentence = NULL;

                if (asprintf(&sentence, "cannot write '%s': %s", argument, strerror(-r)) < 0)
                        sentence = NULL;
                return ctl_say_error("IO_ERROR", strempty(sentence));
        }
        return 0;
}
