/*
 * Backups: what of them is the service's
 */

#include "policyd/service/objects/policy-private.h"

int policy_write_backup(Policy *p, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes) {
        return p->batch.options.storage->backup(p->batch.options.storage, now, fd, progress, ret_bytes);
}

void policy_backup_ended(Policy *p) {
        p->batch.options.storage->forget_readers(p->batch.options.storage);
}
