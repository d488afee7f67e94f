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

static void what_was_made_is_there(void **state) {
#define MADE "1.0 client call=1 Manager.CreateQuota quota=q sets=is of=q value=there sets=GPUGroup of=q value=g"
        EXPECT(0, MADE, ACKED, "9.0 model text of=q property=is value=there", END);
        EXPECT(1, MADE, ACKED, END);
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
#define IS(value) "9.0 model type sets=type:1 of=h1/0000:83:00.0/0ff2 value=" value
        EXPECT(0, TYPE, ACKED, IS("no"), END);
        EXPECT(1, TYPE, ACKED, IS("yes"), END);
        EXPECT(0, TYPE, ACKED, "2.0 h1 restored", IS("yes"), END);
        EXPECT(1, TYPE, ACKED, "2.0 h11 restored", IS("yes"), END);
        EXPECT(1, TYPE, ACKED, "2.0 policyd restored marked=1", IS("yes"), END);
}

static void health_is_cleared(void **state) {
#define CLEAR "2.0 client call=1 PGPU.ClearHealth pgpu=p sets=Health of=p value=1", "2.0 client call=1 acked"
        EXPECT(1, "1.0 policyd tells pgpu=p health=suspect", CLEAR, "3.0 policyd tells host=h property=MemoryFree");
        EXPECT(0, "1.0 policyd tells pgpu=p health=suspect", CLEAR, "2.0 policyd tells pgpu=p health=good",
                "3.0 policyd tells pgpu=p health=suspect");
}

static void reservations_last(void **state) {
#define RESERVE                                                                                                                    \
        "1.0 client call=1 Manager.Reserve reservation=r count=2 seconds=60 date=1000000 sets=is of=r value=there", ACKED
#define USE "2.0 client call=2 VM.Start vm=a reservation=r"
#define RUNS "3.0 h0 domain vm=a created domid=1 token=t gpu=x,y,1 gpu=z,y,1", "3.0 h0 guest vm=a runs"
        EXPECT(1, RESERVE, "20.0 policyd gone reservation=r date=20000000");
        EXPECT(0, RESERVE, "61.0 policyd gone reservation=r date=2000000");
        EXPECT(0, RESERVE, "20.0 policyd gone reservation=r date=61000000");
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
        EXPECT(1, JOB, ENDED, "3.0 policyd job=j ended operation=start result=done code=none date=3000000", LISTED, "9.0 model end");
        EXPECT(1, JOB, "9.0 model job=j state=running", "9.0 model end");
}

static void epochs_rise(void **state) {
        EXPECT(0, "1.0 h0 claim epoch=3 code=none", "2.0 h0 claim epoch=2 code=StaleEpoch", "3.0 h0 claim epoch=3 code=none");
        EXPECT(1, "1.0 h0 claim epoch=3 code=none", "2.0 h0 claim epoch=2 code=none");
        EXPECT(1, "1.0 h0 claim epoch=3 code=none", "9.0 model claim-of=h0 epoch=2");
        EXPECT(0, "1.0 h0 claim epoch=3 code=none", "1.5 h0 restored", "2.0 h0 claim epoch=2 code=none");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_set_reads_back),
                cmocka_unit_test(what_was_made_is_there),
                cmocka_unit_test(entries_read_back),
                cmocka_unit_test(hosts_keep_what_is_enabled),
                cmocka_unit_test(health_is_cleared),
                cmocka_unit_test(reservations_last),
                cmocka_unit_test(jobs_end_and_are_kept),
                cmocka_unit_test(epochs_rise),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
