/*
 * Backups: the part of the service
 */

#include "policyd/service/objects/policy-private.h"
#include "policyd/store/backup.h"

int policy_write_backup(Policy *p, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes) {
        return store_backup(p->batch.options.database->dir, now, fd, progress, ret_bytes);
}

void policy_backup_ended(Policy *p) {
        if (p->batch.store)
                store_forget_readers(p->batch.store);
}
