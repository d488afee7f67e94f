#pragma once

/*
 * Message ids and journal fields
 *
 * One id for each kind of event that an operator may want to find ("journalctl MESSAGE_ID=…"); each has an entry in
 * the catalog in packaging/. Ids never change and are never used again for something else.
 */

#define MSG_VM_PLACED "9681aa32e52b440a92b9a5ff9e3b0151" /* a start was decided and booked */
#define MSG_VM_REFUSED "5415653aa09f424ca6fe19630eafd2e8" /* a start was refused */
#define MSG_VM_STARTED "1dddb8c733414b14b266a52bc6f969f5" /* a VM runs */
#define MSG_VM_HALTED "6ee4163be09f43499fb1e43a9b009345" /* a VM ended */
#define MSG_VM_FAILED "01dc751ae734442ba8008b9595391adc" /* a VM could not be started or kept */
#define MSG_RESERVATION_RELEASED "d737fb06cdba4ea1bd6655779454e67c" /* a booking was given back, with the reason */
#define MSG_HOST_ONLINE "8ca41af4ffac4966a5d1386b8f3c56ba" /* a host was claimed and its inventory taken over */
#define MSG_HOST_LOST "5cac8c51b58b45868aa40467a273c194" /* the link to a host broke */
#define MSG_HOST_NOT_REACHED "c1f7b0e64d0f4f0f9f0a6d1be3a95c27" /* a host is not reached, with why */
#define MSG_HOST_CORRECTED "9be2a246ffb748f98197e88de0773bce" /* the host's word replaced what policyd had stored */
#define MSG_OUTSIDE_ENDED "8b1f2f6f6e0b4c1f9d0f5a3c47f0d2ab" /* what ran outside of the pool is being ended, as somebody asked */
#define MSG_VM_ADOPTED "e164ed3d2b6540369bd611d0c43401b1" /* a VM that ran outside of the pool was taken into it */
#define MSG_POOL_CHANGED "6fc41a9ce3d74bb0b34fae25a86d9f02" /* somebody changed the pool: who, what, old and new */
#define MSG_CALL_REFUSED "c0a7ee5b0f0d4d1fb0cdb4fae3bd8a9e" /* a call that would have changed the pool was refused */
#define MSG_POOL_FOLLOWED "a1f0c9d25f6b4f0a9be22d2b8a0f6c53" /* policyd added or removed an object by itself */
#define MSG_TYPE_ENABLED "5a44cc55377c4e19be8909ae15aac182" /* a VGPU type was enabled on a PGPU */
#define MSG_TYPE_DISABLED "4d9c2df3d8f442b8be0ef3aa7eacb909" /* a VGPU type was disabled on a PGPU */
#define MSG_TYPE_FILE_PROBLEM "f5b8816a879c44b28f54273076ad98a3" /* an entry of a type file was skipped */
#define MSG_EMULATOR_DIED "62076fb9d936460d862ab703a6da017e" /* a display emulator or qemu died */
#define MSG_STALE_EPOCH "d42f52dff5b24760a9e9f48060e2b65a" /* an order or claim of an old master */
#define MSG_DATABASE_OLD "9fa14656901042a383b01d6e0bd0f55f" /* the pool's database is an old copy */
#define MSG_DATABASE_HEARD "81dd8e62791048ec88abe04a6e2df12a" /* every host that the old copy knows was heard since */
#define MSG_STORAGE_FAILED "6b04bc43112e4264b9fd20d0f87432e2" /* a commit failed; its callers were told */
#define MSG_DATABASE_UNUSABLE "dbff78f3a4494a6b9fc148f90ae01818" /* a database is damaged, lost or cannot be written */
#define MSG_ROW_UNREADABLE "58936a3f847c4d0ea36204e41d24e6a1" /* a row of the database cannot be read */
#define MSG_PGPU_MOVED "8d0f3b1f4c6e4a0b9d2a5f7c1e3b6a94" /* a card was found in another slot */
#define MSG_PGPU_VANISHED "37f93b43dc5444efaa159b32c80e5f49" /* a PGPU is no longer there */
#define MSG_PGPU_SUSPECT "5d0c1f7e9a6b4c71b0e8a3f2d4c6978e" /* virtual functions of a PGPU are given to no VM, or are well again */

/* Fields: the object that a message is about. FIELDS(FIELD_VM "…uuid…") joins at compile time; else use asprintf(). */
#define FIELD_VM "XENVGPU_VM="
#define FIELD_VGPU "XENVGPU_VGPU="
#define FIELD_PGPU "XENVGPU_PGPU="
#define FIELD_HOST "XENVGPU_HOST="
#define FIELD_GPU_GROUP "XENVGPU_GPU_GROUP="
#define FIELD_VGPU_TYPE "XENVGPU_VGPU_TYPE="
#define FIELD_RESERVATION "XENVGPU_RESERVATION="
#define FIELD_QUOTA "XENVGPU_QUOTA="
#define FIELD_VM_GROUP "XENVGPU_VM_GROUP="
#define FIELD_JOB "XENVGPU_JOB="

/* Of a call: the user, the unit that it came from, and the method, "VM.SetNameLabel". */
#define FIELD_CALLER "XENVGPU_CALLER="
#define FIELD_CALLER_PID "XENVGPU_CALLER_PID="
#define FIELD_CALLER_UNIT "XENVGPU_CALLER_UNIT="
#define FIELD_METHOD "XENVGPU_METHOD="

/* Of a refusal: its word, which is the end of the error's name on the bus (protocol/errors.h). */
#define FIELD_ERROR "XENVGPU_ERROR="

/* Of a VM that runs: what its start took, in ms: "queued=1 launch=40 prepare=100 create=1130 …" (docs/states.md). */
#define FIELD_STAGES "XENVGPU_STAGES="
