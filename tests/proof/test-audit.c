/*
 * The auditor: histories in which a promise is broken, and the same in which it is kept
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/proof/audit.h"

static void expect(size_t n_broken, const char *const *lines) {
        Audit *a = audit_new(NULL);

        for (; *lines; lines++)
                audit_line(*lines, a);
        assert_int_equal(audit_broken(a), n_broken);
        audit_free(a);
}
#define EXPECT(n, ...) expect(n, (const char *const[]){__VA_ARGS__, NULL})

#define SET "1.0 client call=1 VM.SetConfig vm=a sets=Config of=a value=11"
#define ACKED "1.0 client call=1 acked"
#define NOW(value) "9.0 model text of=a property=Config value=" value
#define END "9.0 model texts-end"

static void what_was_set_reads_back(void **state) {
        EXPECT(0, SET, ACKED, NOW("11"), END);
        EXPECT(1, SET, ACKED, NOW("22"), END);
        EXPECT(0, SET, "1.0 client call=1 refused code=VMBadPowerState", NOW("22"), END);
        /* Nothing was stored, or nobody was told. */
        EXPECT(0, SET, ACKED, "2.0 client call=2 VM.SetConfig vm=a sets=Config of=a value=33", "2.0 client call=2 failed code=StorageFailed",
                NOW("33"), END);
        EXPECT(0, SET, "1.0 policyd ends", NOW("22"), END);
        EXPECT(1, SET, ACKED, "2.0 policyd ends", "2.0 policyd starts", NOW("22"), END);
        EXPECT(0, SET, ACKED, "2.0 policyd restored marked=1", NOW("22"), END);
}

static void affinities_follow_cards(void **state) {
#define AFFINITY "1.0 client call=1 VM.SetAffinity vm=a sets=Affinity of=a value=11", ACKED
#define LEAVES "2.0 client call=2 Host.Remove host=h leaves=11", "2.0 client call=2 acked"
#define JOINS "3.0 client call=3 Manager.AddHost host=i joins=22", "3.0 client call=3 acked"
#define IS_TO(value) "9.0 model text of=a property=Affinity value=" value, END
        EXPECT(0, AFFINITY, LEAVES, JOINS, IS_TO("22"));
        EXPECT(0, AFFINITY, LEAVES, JOINS, IS_TO("11"));
        EXPECT(1, AFFINITY, JOINS, IS_TO("22"));
        EXPECT(1, AFFINITY, LEAVES, JOINS, IS_TO("33"));
        EXPECT(1, AFFINITY, LEAVES, IS_TO("22"));
}

static void what_was_made_is_there(void **state) {
#define MADE "1.0 client call=1 Manager.CreateQuota quota=q sets=is of=q value=there sets=GPUGroup of=q value=g"
        EXPECT(0, MADE, ACKED, "9.0 model text of=q property=is value=there", END);
        EXPECT(1, MADE, ACKED, END);
        /* A VM that was destroyed runs on a host, and is adopted. */
#define KNOWN "9.0 model vm=a power=halted booking=none on=none", "9.0 model text of=a property=is value=there"
#define DESTROYED "1.0 client call=1 VM.Destroy vm=a sets=is of=a value=gone", ACKED
#define ADOPTS "2.0 client call=2 Manager.AdoptVM host=h vm=a sets=is of=a value=there"
        EXPECT(0, DESTROYED, ADOPTS, "2.0 client call=2 acked", KNOWN, END, "9.0 model end");
        EXPECT(2, DESTROYED, ADOPTS, "2.0 client call=2 refused code=HostOffline", KNOWN, END, "9.0 model end");
        EXPECT(1, MADE, ACKED, "2.0 policyd gone quota=q date=1", END);
        EXPECT(0, MADE, ACKED, "2.0 client call=2 Quota.Destroy quota=q sets=is of=q value=gone", "2.0 policyd gone quota=q date=1", END);
        EXPECT(1, MADE, ACKED, "2.0 client call=2 Quota.Destroy quota=q sets=is of=q value=gone", "2.0 client call=2 acked",
                "9.0 model text of=q property=is value=there", END);
        EXPECT(0, MADE, ACKED, "2.0 client call=2 GPUGroup.Destroy gpu_group=g sets=is of=g value=gone", "2.0 policyd gone quota=q date=1", END);
}

static void entries_read_back(void **state) {
#define TAG "1.0 client call=1 VM.ChangeTags vm=a sets=Tags/11 of=a value=aa"
        EXPECT(0, TAG, ACKED, "9.0 model entry sets=Tags/11 of=a value=aa", END);
        EXPECT(1, TAG, ACKED, END);
        EXPECT(0, TAG, ACKED, "2.0 client call=2 VM.SetTags vm=a sets=Tags/* of=a value=none", "2.0 client call=2 acked", END);
        EXPECT(1, TAG, ACKED, "2.0 client call=2 VM.SetTags vm=a sets=Tags/* of=a value=none", "2.0 client call=2 acked",
                "9.0 model entry sets=Tags/11 of=a value=aa", END);
}

static void hosts_keep_what_is_enabled(void **state) {
#define TYPE "1.0 client call=1 PGPU.RemoveEnabledVGPUType pgpu=p sets=type:1 of=h1/0000:83:00.0/0ff2 value=no"
#define ENABLED "1.0 client call=1 PGPU.AddEnabledVGPUType pgpu=p sets=type:1 of=h1/0000:83:00.0/0ff2 value=yes"
#define IS(value) "9.0 model type sets=type:1 of=h1/0000:83:00.0/0ff2 value=" value
        EXPECT(0, TYPE, ACKED, IS("no"), END);
        EXPECT(1, TYPE, ACKED, IS("yes"), END);
        EXPECT(0, TYPE, ACKED, "2.0 h1 restored", IS("yes"), END);
        /* policyd's order comes to the host after another client's call, or before it: nobody knows. */
#define AT_HOST "2.0 client call=2 Host1.PGPU.SetEnabledTypes of=h1 claim=free sets=type:1 of=h1/0000:83:00.0/0ff2 value=yes", "2.0 client call=2 acked"
        EXPECT(0, TYPE, AT_HOST, "3.0 client call=1 failed", IS("no"), END);
        EXPECT(0, TYPE, "1.5 client call=1 failed", AT_HOST, IS("no"), END);
        EXPECT(0, TYPE, AT_HOST, ACKED, IS("yes"), END);
        EXPECT(1, TYPE, ACKED, AT_HOST, IS("no"), END);
#define OTHERS(of) "2.0 client call=2 PGPU.SetEnabledVGPUTypes pgpu=p sets=type:* of=" of " value=no sets=type:2 of=" of " value=yes"
        EXPECT(0, ENABLED, ACKED, OTHERS("h1/0000:83:00.0/0ff2"), "2.0 client call=2 acked", IS("no"), END);
        EXPECT(0, ENABLED, ACKED, OTHERS("h1/0000:83:00.0/0ff2"), "2.0 client call=2 acked", IS("yes"), END);
        EXPECT(1, ENABLED, ACKED, OTHERS("h1/0000:84:00.0/0ff2"), "2.0 client call=2 acked", IS("no"), END);
        EXPECT(1, TYPE, ACKED, "2.0 h11 restored", IS("yes"), END);
        EXPECT(0, TYPE, ACKED, "2.0 h1 card=1 is=moved", IS("yes"), END);
        EXPECT(1, TYPE, ACKED, "2.0 h1 card=1 is=gone", IS("yes"), END);
#define TYPES_OF(slot) "2.0 h1 takes order=types code=none pgpu=" slot " by=policyd"
        EXPECT(0, "0.5 h1 card=1 is=moved", TYPE, ACKED, TYPES_OF("0000:83:00.0"), IS("yes"), END);
        EXPECT(1, "0.5 h1 card=1 is=moved", TYPE, ACKED, TYPES_OF("0000:84:00.0"), IS("yes"), END);
        EXPECT(1, TYPE, ACKED, TYPES_OF("0000:83:00.0"), IS("yes"), END);
        EXPECT(1, TYPE, ACKED, "2.0 policyd restored marked=1", IS("yes"), END);
}

static void health_is_cleared(void **state) {
#define CLEAR "2.0 client call=1 PGPU.ClearHealth pgpu=p sets=Health of=p value=1", "2.0 client call=1 acked"
        /* By its functions: the host looks at them again. */
        EXPECT(0, "1.0 policyd tells pgpu=p health=suspect functions=1", CLEAR, "3.0 policyd tells host=h property=MemoryFree");
        EXPECT(1, "1.0 policyd tells pgpu=p health=suspect functions=0", CLEAR, "3.0 policyd tells host=h property=MemoryFree");
        EXPECT(0, "1.0 policyd tells pgpu=p health=suspect functions=0", CLEAR, "2.0 policyd tells pgpu=p health=good functions=0",
                "3.0 policyd tells pgpu=p health=suspect functions=0");
}

/* Boards: two functions that hostd made, one of which is chosen for an order, then given to its domain. */
#define DIVIDED "1.0 h1 board=0:3.0 functions=2 was=0 by=hostd"
#define CHOSEN(t) "2.0 h1 helper vm=a ends does=--choose-virtual-function result=done token=" t " chooses=0:3.1"
#define GIVEN(t) "3.0 h1 domain vm=a created domid=1 token=" t " gpu=0:3.0,half,524288 function=0:3.1"
#define ENDS(t) "4.0 h1 domain vm=a gone domid=1 why=over", "5.0 h1 function=0:3.1 reset=done", "5.0 h1 event vm=a over token=" t

static void functions_are_lent_once(void **state) {
        EXPECT(0, DIVIDED, CHOSEN("s"), GIVEN("s"), ENDS("s"), CHOSEN("t"), GIVEN("t"));
        /* Chosen for two orders; given while another domain has it. */
        EXPECT(1, DIVIDED, CHOSEN("s"), CHOSEN("t"));
        EXPECT(1, DIVIDED, "1.0 h1 foreign vm=b created domid=2 token=u function=0:3.1", CHOSEN("s"));
        EXPECT(1, DIVIDED, CHOSEN("s"), GIVEN("s"), "3.0 h1 foreign vm=b created domid=2 token=u function=0:3.1");
        EXPECT(0, DIVIDED, CHOSEN("s"), GIVEN("s"), "3.0 h2 foreign vm=b created domid=1 token=u function=0:3.1");
        EXPECT(1, DIVIDED, CHOSEN("s"), GIVEN("s"), "3.0 h1 function=0:3.1 reset=done");
        /* Over reboots of its guest the VM keeps it. */
        EXPECT(0, DIVIDED, CHOSEN("s"), GIVEN("s"), "4.0 h1 domain vm=a gone domid=1 why=reboot", GIVEN("s"));
}

static void functions_are_proved(void **state) {
#define UNPROVED "4.0 h1 domain vm=a gone domid=1 why=over", "5.0 h1 event vm=a over token=s"
        EXPECT(1, DIVIDED, CHOSEN("s"), GIVEN("s"), UNPROVED, CHOSEN("t"));
        EXPECT(1, DIVIDED, CHOSEN("s"), GIVEN("s"), UNPROVED, "5.0 h1 function=0:3.1 reset=failed", CHOSEN("t"));
        EXPECT(1, DIVIDED, CHOSEN("s"), GIVEN("s"), UNPROVED, "5.0 h1 function=0:3.1 note=gone by=--look-at-functions");
        EXPECT(0, DIVIDED, CHOSEN("s"), GIVEN("s"), UNPROVED, "5.0 h1 board=0:3.0 functions=0 was=2 by=hostd", DIVIDED, CHOSEN("t"));
        EXPECT(0, DIVIDED, CHOSEN("s"), GIVEN("s"), UNPROVED, "5.0 h1 power off", "5.0 h1 power on", DIVIDED, CHOSEN("t"));
        EXPECT(1, DIVIDED, "1.0 h1 function=0:3.1 is=dead", CHOSEN("s"));
        EXPECT(1, DIVIDED, "1.0 h1 function=0:3.1 note=suspect by=--free-virtual-function", CHOSEN("s"));
        EXPECT(0, DIVIDED, "1.0 h1 function=0:3.2 is=dead", CHOSEN("s"));
        EXPECT(0, DIVIDED, CHOSEN("s"), "1.0 h1 function=0:3.1 is=dead", CHOSEN("s"));
}

static void boards_are_whole_or_divided(void **state) {
#define UNDONE(by) "5.0 h1 board=0:3.0 functions=0 was=2 by=" by
#define WHOLE "6.0 h1 domain vm=b created domid=3 token=w gpu=0:3.0,whole,1048576"
        EXPECT(0, DIVIDED, UNDONE("hostd"), WHOLE);
        EXPECT(1, DIVIDED, WHOLE);
        EXPECT(1, WHOLE, DIVIDED);
        EXPECT(1, DIVIDED, CHOSEN("s"), GIVEN("s"), UNDONE("hostd"));
        EXPECT(0, DIVIDED, CHOSEN("s"), GIVEN("s"), UNDONE("others"), DIVIDED);
        EXPECT(0, DIVIDED, UNDONE("others"));
        EXPECT(1, "1.0 h1 board=0:3.0 functions=2 was=0 by=others", UNDONE("hostd"));
        /* hostd has not seen that these are not its own. */
#define AGAIN(n) UNDONE("others"), "5.0 h1 board=0:3.0 functions=" n " was=0 by=others"
#define NOTED "1.0 h1 board=0:3.0 note=made number=2 by=--choose-virtual-function"
        EXPECT(0, DIVIDED, NOTED, AGAIN("2"), UNDONE("hostd"));
        EXPECT(1, DIVIDED, NOTED, AGAIN("3"), UNDONE("hostd"));
        EXPECT(1, DIVIDED, NOTED, AGAIN("1"), UNDONE("hostd"));
        EXPECT(0, DIVIDED, "1.0 h1 board=0:3.0 note=unmade number=2 by=--choose-virtual-function", AGAIN("1"), UNDONE("hostd"));
        EXPECT(1, DIVIDED, NOTED, "5.0 h1 board=0:3.0 note=gone by=hostd", AGAIN("2"), UNDONE("hostd"));
}

static void boards_are_in_the_pool(void **state) {
#define THERE(rest) "9.0 h1 board=0:3.0 has=2 division=ours-2 suspect=" rest
#define SAYS(rest) "9.0 check rescanned", "9.0 model host=h1 state=online", "9.0 model board=0:3.0 of=h1 " rest
#define WELL THERE("0 autoprobe=1 note=made"), "9.0 model end"
        EXPECT(0, DIVIDED, SAYS("division=ours-2 suspect=0 used=0"), WELL);
        EXPECT(1, DIVIDED, SAYS("division=none suspect=0 used=0"), WELL);
        EXPECT(1, DIVIDED, SAYS("division=ours-2 suspect=1 used=0"), WELL);
        EXPECT(1, DIVIDED, SAYS("division=ours-2 suspect=0 used=524288"), WELL);
        EXPECT(1, DIVIDED, "9.0 model host=h1 state=online", WELL);
        EXPECT(0, DIVIDED, "9.0 model host=h2 state=online", WELL);
        EXPECT(1, DIVIDED, SAYS("division=ours-2 suspect=0 used=0"), THERE("0 autoprobe=0 note=made"), "9.0 model end");
        EXPECT(0, DIVIDED, SAYS("division=ours-2 suspect=0 used=0"), THERE("0 autoprobe=0 note=unmade"), "9.0 model end");
        EXPECT(1, SAYS("division=none suspect=0 used=0"), "9.0 h1 board=0:3.0 has=0 division=none suspect=0 autoprobe=1 note=made", "9.0 model end");
        EXPECT(1, DIVIDED, SAYS("division=ours-2 suspect=1 used=524288"), THERE("1 autoprobe=1 note=made"), "9.0 model end");
        EXPECT(0, DIVIDED, "8.0 h1 function=0:3.1 is=dead", SAYS("division=ours-2 suspect=1 used=524288"), THERE("1 autoprobe=1 note=made"),
                "9.0 model end");
        EXPECT(0, DIVIDED, "8.0 h1 board=0:3.0 is=reset-behind", SAYS("division=ours-2 suspect=1 used=524288"),
                THERE("1 autoprobe=1 note=made"), "9.0 model end");
}

static void reservations_last(void **state) {
#define RESERVE                                                                                                                    \
        "1.0 client call=1 Manager.Reserve reservation=r count=2 seconds=60 date=1000000 sets=is of=r value=there", ACKED
#define USE "2.0 client call=2 VM.Start vm=a reservation=r"
#define RUNS "3.0 h0 domain vm=a created domid=1 token=t gpu=x,y,1 gpu=z,y,1", "3.0 h0 guest vm=a runs"
        EXPECT(1, RESERVE, "20.0 policyd gone reservation=r date=20000000");
        EXPECT(0, RESERVE, "61.0 policyd gone reservation=r date=2000000");
        EXPECT(0, RESERVE, "20.0 policyd gone reservation=r date=61000000");
        EXPECT(0, RESERVE, "19.9 clock was=61000000", "20.0 policyd gone reservation=r date=2000000");
        EXPECT(1, RESERVE, "19.9 clock was=20000000", "20.0 policyd gone reservation=r date=2000000");
        EXPECT(1, RESERVE, "15.0 clock was=61000000", "20.0 policyd gone reservation=r date=2000000");
        EXPECT(0, RESERVE, USE, RUNS, "20.0 policyd gone reservation=r date=20000000");
        EXPECT(1, RESERVE, USE, "20.0 policyd gone reservation=r date=20000000");
        EXPECT(1, RESERVE, "20.0 model reservation=r remaining=1");
        EXPECT(1, RESERVE, "900.0 model reservation=r remaining=2");
}

static void jobs_end_and_are_kept(void **state) {
#define JOB "1.0 client call=1 VM.Start vm=a job=j", "1.0 client call=1 acked"
#define ENDED "2.0 policyd job=j ended operation=start result=done code=none date=2000000"
#define LISTED "9.0 model job=j state=done"
        EXPECT(0, JOB, ENDED, LISTED, "9.0 model end");
        EXPECT(1, JOB, "9.0 model end");
        EXPECT(1, JOB, "1.5 policyd ends", "9.0 model end");
        EXPECT(1, JOB, "1.5 policyd rebuilt", "9.0 model end");
        EXPECT(0, JOB, "1.5 policyd ends", "1.6 policyd has-ended job=j date=1500000", LISTED, "9.0 model end");
        EXPECT(1, JOB, ENDED, "5.0 policyd gone job=j date=5000000", "9.0 model end");
        EXPECT(0, JOB, ENDED, "5.0 policyd gone job=j date=3700000000", "9.0 model end");
        /* Its hour was over by a clock that jumped back before this was told. */
        EXPECT(0, JOB, ENDED, "5.0 clock was=3700000000", "5.1 policyd gone job=j date=1000000", "9.0 model end");
        EXPECT(1, JOB, ENDED, "5.0 clock was=5000000", "5.1 policyd gone job=j date=1000000", "9.0 model end");
        EXPECT(1, JOB, ENDED, "5.0 clock was=3700000000", "7.0 policyd gone job=j date=1000000", "9.0 model end");
        EXPECT(1, JOB, ENDED, "5.0 fault clock of a host jumps", "5.1 policyd gone job=j date=1000000", "9.0 model end");
        EXPECT(1, JOB, ENDED, "3.0 policyd job=j ended operation=start result=done code=none date=3000000", LISTED, "9.0 model end");
        EXPECT(1, JOB, "9.0 model job=j state=running", "9.0 model end");
}

static void epochs_rise(void **state) {
        EXPECT(0, "1.0 h0 claim epoch=3 code=none", "2.0 h0 claim epoch=2 code=StaleEpoch", "3.0 h0 claim epoch=3 code=none");
        EXPECT(1, "1.0 h0 claim epoch=3 code=none", "2.0 h0 claim epoch=2 code=none");
        EXPECT(1, "1.0 h0 claim epoch=3 code=none", "9.0 model claim-of=h0 epoch=2");
        EXPECT(0, "1.0 h0 claim epoch=3 code=none", "1.5 h0 restored", "2.0 h0 claim epoch=2 code=none");
}

static void a_vm_runs_once(void **state) {
#define ON(host, token) "2.0 " host " domain vm=a created domid=1 token=" token
#define SENT(host, token, by, lacks) "1.0 " host " is-sent order=start token=" token " by=" by " lacks=," lacks
        EXPECT(1, ON("h0", "s"), ON("h1", "t"));
        EXPECT(0, ON("h0", "s"), "3.0 h0 domain vm=a gone domid=1 why=ended", ON("h1", "t"));
        EXPECT(1, "1.0 h0 qemu vm=a starts pid=7 token=s", ON("h0", "t"));
        EXPECT(1, ON("h0", "s"), ON("h0", "s"));
        /* Two masters, of which one does not have the other's host. */
        EXPECT(0, SENT("h0", "s", "policyd", "h1,"), SENT("h1", "t", "other", ""), ON("h0", "s"), ON("h1", "t"));
        EXPECT(1, SENT("h0", "s", "policyd", ""), SENT("h1", "t", "other", ""), ON("h0", "s"), ON("h1", "t"));
        EXPECT(1, SENT("h0", "s", "policyd", "h1,"), SENT("h1", "t", "policyd", ""), ON("h0", "s"), ON("h1", "t"));
        /* A host that was declared dead: of what was sent to it before. */
        EXPECT(0, SENT("h0", "s", "policyd", ""), "1.5 person declares-dead host=h0", ON("h0", "s"), ON("h1", "t"));
        EXPECT(1, "0.5 person declares-dead host=h0", SENT("h0", "s", "policyd", ""), ON("h0", "s"), ON("h1", "t"));
}

static void pgpus_are_not_overfull(void **state) {
#define RUNS_ON(vm, gpu) "1.0 h0 emulator vm=" vm " starts pid=" vm " token=t gpu=" gpu
        EXPECT(0, RUNS_ON("1", "p,0,524288"), RUNS_ON("2", "p,0,524288"));
        EXPECT(1, RUNS_ON("1", "p,0,524288"), RUNS_ON("2", "p,0,524288"), RUNS_ON("3", "p,0,131072"));
        EXPECT(0, RUNS_ON("1", "p,0,524288"), RUNS_ON("2", "p,0,524288"), RUNS_ON("3", "q,0,131072"));
        EXPECT(0, RUNS_ON("1", "p,0,1048576"), "2.0 h0 emulator vm=1 gone pid=1", RUNS_ON("2", "p,1,131072"));
        EXPECT(1, RUNS_ON("1", "p,0,131072"), RUNS_ON("2", "p,1,131072"));
        EXPECT(1, RUNS_ON("1", "p,0,131072"), "2.0 h0 domain vm=2 created domid=1 token=t gpu=p,whole,1048576");
        EXPECT(1, "1.0 h0 foreign vm=2 created domid=1 token=t gpu=p,whole,1048576", RUNS_ON("1", "p,0,131072"));
}

static void hosts_do_not_say_over_early(void **state) {
#define OVER "3.0 h0 event vm=a over token=s reason=stopped"
        EXPECT(1, ON("h0", "s"), OVER);
        EXPECT(1, "1.0 h0 qemu vm=a starts pid=7 token=s", OVER);
        EXPECT(0, ON("h0", "s"), "2.5 h0 domain vm=a gone domid=1 why=ended", OVER);
        EXPECT(0, ON("h0", "t"), OVER);
}

static void all_agree_at_the_end(void **state) {
#define LISTED_AS(booking, on) "9.0 model vm=a power=running booking=" booking " on=" on, "9.0 model end"
        EXPECT(0, ON("h0", "s"), LISTED_AS("resident", "h0"));
        EXPECT(1, ON("h0", "s"), LISTED_AS("resident", "h1"));
        EXPECT(1, ON("h0", "s"), LISTED_AS("none", "none"));
        EXPECT(1, LISTED_AS("sent", "h0"));
        EXPECT(1, ON("h0", "s"), "9.0 model end");
        EXPECT(1, "9.0 model host=h0 state=offline", "9.0 model end");
        EXPECT(1, "1.0 client call=1 Manager.CreateVM vm=a", ACKED, "9.0 model end");
        EXPECT(1, "1.0 client call=1 VM.Destroy vm=a", ACKED, LISTED_AS("none", "none"));
}

static void keys_are_answered_as_before(void **state) {
#define KEYED(call, arguments, answer, again)                                                                                      \
        "1.0 client call=" call " Manager.CreateVM key=k arguments=" arguments " answer=" answer " again=" again,                   \
                "1.0 client call=" call " acked"
        EXPECT(0, KEYED("1", "x", "a", "no"), KEYED("2", "x", "a", "yes"));
        EXPECT(1, KEYED("1", "x", "a", "no"), KEYED("2", "x", "b", "yes"));
        EXPECT(1, KEYED("1", "x", "a", "no"), KEYED("2", "x", "b", "no"));
        EXPECT(1, KEYED("1", "x", "a", "no"), KEYED("2", "x", "none", "yes"));
        EXPECT(0, KEYED("1", "x", "a", "no"), KEYED("2", "y", "none", "yes"));
        EXPECT(1, KEYED("1", "x", "a", "no"), "1.5 policyd ends", KEYED("2", "x", "b", "no"));
}

/* What is broken when it is said at all, and what the checker found. */
static void what_is_said_counts(void **state) {
#define FOUND(word) "3.0 check found=" word " of=p on=h0 sentence"
        EXPECT(1, "1.0 mirror differs vm=a in=NameLabel");
        EXPECT(1, "1.0 reader differs vm=a in=NameLabel");
        EXPECT(1, "1.0 reader cannot-read what=List why=text");
        EXPECT(0, "1.0 reader is-told code=HostOffline");
        EXPECT(1, "1.0 h0 event unreadable");
        EXPECT(1, "1.0 policyd cannot-read");
        EXPECT(1, "1.0 client call=1 error=Input/output error");
        EXPECT(1, "1.0 script expected line=3");
        EXPECT(1, "1.0 h0 monitor unit=dcgm.service forgotten");
        EXPECT(3, FOUND("capacity"), FOUND("stored"), FOUND("agree"));
        EXPECT(2, ON("h0", "s"), "2.0 policyd restored marked=1", FOUND("capacity"), FOUND("stored"), FOUND("agree"));
        EXPECT(1, ON("h1", "s"), "2.0 policyd restored marked=1", FOUND("capacity"));
        EXPECT(1, ON("h0", "s"), "2.0 policyd restored marked=1", FOUND("exclusive"), "3.5 check quiet", FOUND("exclusive"));
        EXPECT(1, "2.0 h0 types resized", FOUND("capacity"), FOUND("counters"));
        EXPECT(1, "2.0 h1 types resized", FOUND("capacity"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_set_reads_back),
                cmocka_unit_test(what_was_made_is_there),
                cmocka_unit_test(affinities_follow_cards),
                cmocka_unit_test(entries_read_back),
                cmocka_unit_test(hosts_keep_what_is_enabled),
                cmocka_unit_test(health_is_cleared),
                cmocka_unit_test(functions_are_lent_once),
                cmocka_unit_test(functions_are_proved),
                cmocka_unit_test(boards_are_whole_or_divided),
                cmocka_unit_test(boards_are_in_the_pool),
                cmocka_unit_test(reservations_last),
                cmocka_unit_test(jobs_end_and_are_kept),
                cmocka_unit_test(epochs_rise),
                cmocka_unit_test(a_vm_runs_once),
                cmocka_unit_test(pgpus_are_not_overfull),
                cmocka_unit_test(hosts_do_not_say_over_early),
                cmocka_unit_test(all_agree_at_the_end),
                cmocka_unit_test(keys_are_answered_as_before),
                cmocka_unit_test(what_is_said_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
