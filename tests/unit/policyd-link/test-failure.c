/*
 * What ssh is known to say, and the sentence with the remedy for each
 *
 * The texts are those of OpenSSH 9.2, bash, dash and Debian's nologin, as they were seen.
 */

#include "policyd/link/failure.h"
#include "policyd/link/key-lines.h"
#include "tests/unit/common/test.h"

static const LinkAddress usual = {.transport = TRANSPORT_SSH, .login = (char *) "xenvgpu@beta"};
static const LinkAddress other_port = {
        .transport = TRANSPORT_SSH, .login = (char *) "admin@10.1.2.3", .port = (char *) "2222"};

static const char changed_key[] =
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n"
        "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n"
        "The fingerprint for the ED25519 key sent by the remote host is\n"
        "SHA256:l0+V/s5AbLRuZY3sunojV6cQzYXfIJFvgIh+EkwMZjE.\n"
        "Please contact your system administrator.\n"
        "Offending ED25519 key in changed:1\n"
        "Host key for [127.0.0.1]:22022 has changed and you have requested strict checking.\n"
        "Host key verification failed.\n";

static const struct {
        const char *words, *noise;
        int status;
        const char *expected[3];
} cases[] = {
        {changed_key, "", 255, {"not the one that known_hosts holds", "ssh-keygen -lf", "fingerprint="}},
        {"Host key verification failed.\n", "", 255, {"is not known. `ssh-keygen -lf", "host-param-set uuid=HOST fingerprint="}},
        {"No ED25519 host key is known for beta and you have requested strict checking.\nHost key "
         "verification "
         "failed.\n",
                "", 255, {"is not known. "}},
        {"xenvgpu@beta: Permission denied (publickey,password).\n", "", 255,
                {"does not accept policyd's key for user xenvgpu", "`xenvgpu pool-key` prints", "ssh -v xenvgpu@beta`"}},
        {"bash: line 1: systemd-stdio-bridge: command not found\n", "", 127, {"is not found on beta"}},
        {"sh: 1: systemd-stdio-bridge: not found\n", "", 127, {"is not found on beta"}},
        {"Welcome to beta\n", "", 127, {"is not found on beta"}},
        {"ssh: Could not resolve hostname beta: Name or service not known\n", "", 255,
                {"`getent hosts beta`"}},
        {"ssh: connect to host beta port 22: Connection refused\n", "", 255,
                {"refuses connections on port 22", "systemctl start ssh"}},
        {"ssh: connect to host beta port 22: No route to host\n", "", 255,
                {"no route to beta", "ip route get"}},
        {"ssh: connect to host beta port 22: Network is unreachable\n", "", 255, {"The network of beta"}},
        {"ssh: connect to host beta port 22: Connection timed out\n", "", 255,
                {"does not answer on port 22"}},
        {"Connection timed out during banner exchange\nConnection to 10.1.2.3 port 22 timed out\n", "", 255,
                {"does not answer on port 22"}},
        {"kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.1.2.3 port "
         "22\n",
                "", 255, {"closed the connection during the login", "MaxStartups"}},
        {"kex_exchange_identification: read: Connection reset by peer\n", "", 255, {"may not be sshd"}},
        {"@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\nxenvgpu@beta: Permission denied "
         "(publickey).\n",
                "", 255, {"chmod 600"}},
        {"", "This account is currently not available.\n", 1, {"usermod -s /bin/sh xenvgpu"}},
        /* systemd-stdio-bridge says it in the host's journal alone; sshd's banner is not the reason. */
        {"", "", 1, {"the system bus cannot be reached there", "systemctl status dbus"}},
        {"* Authorized users only: Connection refused, timed out, Permission denied (x) *\n", "", 1,
                {"the system bus cannot be reached there"}},
        {"", "Have a nice day\r\n", 1, {"prints to standard output", "\"Have a nice day\"", ".bashrc"}},
        {"", "\033[31mred\n", 0, {"prints to standard output", "[31mred"}},
        {"* Authorized users only: Connection refused *\nxenvgpu@beta: Permission denied (publickey).\n", "",
                255, {"does not accept policyd's key"}},
        {"* Authorized users only: REMOTE HOST IDENTIFICATION HAS CHANGED *\nssh: connect to host beta port "
         "22: No route to "
         "host\n",
                "", 255, {"no route to beta"}},
        /* What is in no table. */
        {"* Banner *\nssh: something new.\n", "", 255, {"not reached by ssh: ssh: something new. `runuser"}},
        {"", "", 255, {"ended with status 255"}},
        {"* Banner *\n", "", 3, {"ended with status 3"}},
};

static void test_each_known_failure_has_its_remedy(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const LinkFailure f = {.address = &usual,
                        .words = cases[i].words,
                        .noise = cases[i].noise,
                        .status = cases[i].status,
                        .signal = -1,
                        .dropped = true,
                        .seen = "SEEN."};
                _cleanup_free_ char *text = link_failure_sentence(&f);

                assert_non_null(text);
                for (size_t j = 0; j < ARRAY_SIZE(cases[i].expected) && cases[i].expected[j]; j++)
                        if (!strstr(text, cases[i].expected[j]))
                                fail_msg("%s\n  lacks: %s", text, cases[i].expected[j]);
                assert_int_equal(text[strlen(text) - 1], '.');
                assert_null(strstr(text, "was lost"));
                assert_null(strstr(text, "uthorized users"));
                assert_null(strpbrk(text, "{}\033\n"));
        }
}

static void test_user_and_port_stand_in_the_commands(void **state) {
        LinkFailure f = {.address = &other_port,
                .words = changed_key,
                .noise = "",
                .status = 255,
                .signal = -1,
                .dropped = true};
        _cleanup_free_ char *changed = link_failure_sentence(&f), *denied = NULL, *refused = NULL;

        assert_non_null(strstr(changed, "host key of 10.1.2.3 is not the one"));
        f.words = "admin@10.1.2.3: Permission denied (publickey).\n";
        denied = link_failure_sentence(&f);
        assert_non_null(strstr(denied, "for user admin:"));
        assert_non_null(strstr(denied, "ssh -v -p 2222 admin@10.1.2.3`"));
        f.words = "ssh: connect to host 10.1.2.3 port 2222: Connection refused\n";
        refused = link_failure_sentence(&f);
        assert_non_null(strstr(refused, "on port 2222:"));
}

static void test_a_fingerprint_that_was_given_decides(void **state) {
        LinkFailure f = {.address = &usual,
                .fingerprint = "SHA256:abc",
                .key_file = "/keys/beta_22",
                .key_is_stored = true,
                .words = changed_key,
                .noise = "",
                .status = 255,
                .signal = -1,
                .dropped = true};
        _cleanup_free_ char *refused = link_failure_sentence(&f), *denied = NULL, *silent = NULL,
                            *other = link_other_key_sentence(&usual, "SHA256:abc", "SHA256:def");

        assert_non_null(strstr(refused, "beta does not have the fingerprint SHA256:abc"));
        assert_non_null(strstr(refused, "It has SHA256:l0+V/s5AbLRuZY3sunojV6cQzYXfIJFvgIh+EkwMZjE now."));
        assert_non_null(strstr(other, "beta does not have the fingerprint SHA256:abc"));
        assert_non_null(strstr(other, "It has SHA256:def now."));
        f.key_is_stored = false;
        silent = link_failure_sentence(&f);
        assert_non_null(strstr(silent, "beta did not show its keys in time"));
        f.words = "xenvgpu@beta: Permission denied (publickey).\n";
        denied = link_failure_sentence(&f);
        assert_non_null(strstr(denied, "ssh -v -oUserKnownHostsFile=/keys/beta_22 xenvgpu@beta`"));
}

/* ssh-keyscan prints the keys as they come in; people are told to compare the one of type ED25519. */
static void test_the_other_key_is_the_one_that_people_compare(void **state) {
        static const char keys[] = "beta ssh-ed25519 E\nbeta ecdsa-sha2-nistp256 C\n# beta:22\nbeta ssh-rsa R\n";
        static const char prints[] = "256 SHA256:e beta (ED25519)\n256 SHA256:c beta (ECDSA)\n3072 SHA256:r beta (RSA)\n";
        _cleanup_free_ char *key = NULL, *other = NULL, *right = NULL, *none = NULL, *old = NULL, *last = NULL;

        assert_int_equal(host_key_choose(keys, prints, "SHA256:x", &key, &other), 0);
        assert_null(key);
        assert_string_equal(other, "SHA256:e");
        assert_int_equal(host_key_choose(keys, prints, "SHA256:r", &right, &none), 0);
        assert_string_equal(right, "ssh-rsa R");
        assert_int_equal(host_key_choose(keys, strchr(prints, '\n') + 1, "SHA256:x", &old, &last), 0);
        assert_string_equal(last, "SHA256:c");
}

/* ssh still runs, or the link ended it: its status explains nothing. */
static void test_what_the_link_saw_stays_where_nothing_explains_more(void **state) {
        LinkFailure f = {.address = &usual,
                .words = "* Banner *\n",
                .noise = "",
                .status = -1,
                .signal = -1,
                .seen = "SEEN."};
        _cleanup_free_ char *late = link_failure_sentence(&f), *lost = NULL, *alive = NULL;

        assert_string_equal(late, "SEEN.");
        f.stood = f.dropped = true;
        f.status = 255;
        lost = link_failure_sentence(&f);
        assert_string_equal(lost, "SEEN.");
        f.words = "Timeout, server beta not responding.\n";
        alive = link_failure_sentence(&f);
        assert_string_equal(
                alive, "SEEN. beta has not answered ssh for 30 s: the host or the network stands still.");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_fingerprint_that_was_given_decides),
                cmocka_unit_test(test_each_known_failure_has_its_remedy),
                cmocka_unit_test(test_the_other_key_is_the_one_that_people_compare),
                cmocka_unit_test(test_user_and_port_stand_in_the_commands),
                cmocka_unit_test(test_what_the_link_saw_stays_where_nothing_explains_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
