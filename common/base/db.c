/*
 * A change of a database, whichever it is
 */

#include "common/base/db.h"

static int change_once(Db *db, DbChange change, void *userdata) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = db_begin(db, /* write= */ true, &txn);
        if (r >= 0)
                r = change(txn, userdata);
        return r < 0 ? r : db_commit(take_ptr(txn));
}

int db_change(Db *db, DbChange change, void *userdata) {
        for (;;) {
                int r = change_once(db, change, userdata);

                if (r != -EOVERFLOW)
                        return r;
                r = db_grow(db);
                if (r < 0)
                        return r;
        }
}
