/*
 * Backups: what of them is the service's
 */

#include "policyd/service/internal.h"

int policy_write_backup(
        Policy *p, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes) {
        return p->storage->backup(p->storage, now, fd, progress, ret_bytes);
}

void policy_backup_ended(Policy *p) {
        p->storage->forget_readers(p->storage);
}
