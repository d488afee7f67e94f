/*
 * Runs a fuzz target once over each file of a corpus folder, and over each beginning of it: a parser that reads past the end of
 * a cut input is found by the sanitizer without any fuzzing.
 */

#include <dirent.h>
#include <stdio.h>

#include "common/io/file.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (1u << 20)
#define CUTS_MAX 512u

/* Each in memory of its own size, so that one byte too far is noticed. */
static int run_copy(const char *data, size_t size) {
        _cleanup_free_ uint8_t *copy = malloc(MAX_OF(size, (size_t) 1));

        if (!copy)
                return -ENOMEM;
        memcpy(copy, data, size);
        LLVMFuzzerTestOneInput(copy, size);
        return 0;
}

static int run_file(const char *path) {
        _cleanup_free_ char *data = NULL;
        size_t size, step;
        int r;

        r = file_read(path, INPUT_MAX, &data, &size);
        if (r < 0)
                return r;

        step = size / CUTS_MAX + 1;
        for (size_t n = 0; r >= 0 && n < size; n += step)
                r = run_copy(data, n);
        return r < 0 ? r : run_copy(data, size);
}

static int run_folder(const char *path, unsigned *n_files) {
        DIR *folder = opendir(path);
        int r = 0;

        if (!folder)
                return -errno;

        for (struct dirent *e; r >= 0 && (e = readdir(folder));) {
                _cleanup_free_ char *file = path_join(path, e->d_name);

                if (e->d_name[0] == '.')
                        continue;
                r = file ? run_file(file) : -ENOMEM;
                if (r < 0)
                        fprintf(stderr, "%s/%s: %s\n", path, e->d_name, strerror(-r));
                (*n_files)++;
        }
        closedir(folder);
        return r;
}

int main(int argc, char **argv) {
        unsigned n_files = 0;
        int r;

        if (argc != 2) {
                fprintf(stderr, "Usage: %s CORPUS-FOLDER\n", argv[0]);
                return 2;
        }

        r = run_folder(argv[1], &n_files);
        if (r < 0 || n_files == 0) {
                fprintf(stderr, "%s: %s\n", argv[1], r < 0 ? strerror(-r) : "no files");
                return EXIT_FAILURE;
        }
        printf("%u files\n", n_files);
        return EXIT_SUCCESS;
}
