/*
 * What a host's address, and ssh's words about it, become: an address that is refused with a sentence, and sentences that can be shown
 *
 * The first line of the input is the address, the second what came on standard output, the rest what ssh wrote.
 */

#include "common/base/text.h"
#include "policyd/link/failure.h"
#include "policyd/link/key-lines.h"
#include "tests/fuzz/fuzz.h"

static void check_sentence(char *sentence) {
        if (!sentence || !*sentence || !text_is_good(sentence, strlen(sentence), TEXT_LINE))
                abort();
        free(sentence);
}

static void explain(const LinkAddress *address, const char *noise, const char *words) {
        static const int ends[][2] = {{255, -1}, {1, -1}, {127, -1}, {0, -1}, {-1, 9}, {-1, -1}};

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
                for (unsigned flags = 0; flags < 4; flags++)
                        check_sentence(link_failure_sentence(&(LinkFailure){.address = address,
                                .words = words,
                                .noise = noise,
                                .status = ends[i][0],
                                .signal = ends[i][1],
                                .stood = flags & 1,
                                .dropped = flags & 2,
                                .seen = "The connection ended."}));
        check_sentence(link_denied_sentence(address));
}

/* The second line as the fingerprint, the rest as what ssh-keyscan and ssh-keygen printed. */
static void choose_key(const char *fingerprint, const char *lines) {
        _cleanup_free_ char *key = NULL, *other = NULL;

        if (host_key_choose(lines, lines, fingerprint, &key, &other) < 0 || (key && strchr(key, '\n')))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *copy = strndup((const char *) data, size), *message = NULL;
        _cleanup_link_address_ LinkAddress address = {};
        char *rest = copy, *text, *noise;
        int r;

        if (!copy)
                return 0;
        text = strsep(&rest, "\n");
        noise = strsep(&rest, "\n");
        choose_key(strempty(noise), strempty(rest));
        r = link_address_parse(text, &address, &message);
        if (r < 0) {
                if (r == -EINVAL && isempty(message))
                        abort();
                return 0;
        }
        explain(&address, strempty(noise), strempty(rest));
        return 0;
}
