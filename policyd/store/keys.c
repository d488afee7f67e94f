/*
 * The keys of objects, and the names of rows
 *
 * A key is the object's number and the letter of its class. The key of a VGPU begins with the number of its
 * VM and ends with its own: a VGPU usually changes together with its VM, so both should be on one page.
 */

#include "policyd/store/internal.h"

#include <ctype.h>
#include <inttypes.h>

#include "common/base/strbuf.h"

#define PLAIN_SIZE 9
#define VGPU_SIZE STORE_OBJECT_KEY_MAX

/* On disk: a letter never changes. */
static const char class_letters[_CLASS_MAX] = {
        [CLASS_HOST] = 'h',
        [CLASS_PGPU] = 'p',
        [CLASS_GPU_GROUP] = 'g',
        [CLASS_VGPU_TYPE] = 't',
        [CLASS_VM] = 'v',
        [CLASS_VGPU] = 'u',
        [CLASS_RESERVATION] = 'r',
        [CLASS_QUOTA] = 'q',
        [CLASS_VM_GROUP] = 's',
        [CLASS_JOB] = 'j',
};

void store_key_build(ObjectClass class, uint64_t number, uint64_t vm, StoreKey *ret) {
        *ret = (StoreKey){.size = PLAIN_SIZE};
        db_key_u64(class == CLASS_VGPU ? vm : number, ret->bytes);
        ret->bytes[8] = (uint8_t) class_letters[class];
        if (class != CLASS_VGPU)
                return;
        db_key_u64(number, ret->bytes + PLAIN_SIZE);
        ret->size = VGPU_SIZE;
}

void store_key_of(const Object *o, StoreKey *ret) {
        uint64_t vm = o->class == CLASS_VGPU ? CONTAINER_OF(o, Vgpu, object)->vm->object.key : 0;

        store_key_build(o->class, o->key, vm, ret);
}

int store_key_read(const void *key, size_t key_size, uint64_t *ret_number) {
        const uint8_t *bytes = key;
        const char *letter;
        int class;

        if (key_size < PLAIN_SIZE)
                return -EINVAL;
        letter = memchr(class_letters, bytes[8], sizeof(class_letters));
        if (!letter)
                return -EINVAL;
        class = (int) (letter - class_letters);
        if (key_size != (class == CLASS_VGPU ? VGPU_SIZE : PLAIN_SIZE))
                return -EINVAL;

        *ret_number = db_key_number(class == CLASS_VGPU ? bytes + PLAIN_SIZE : bytes);
        return class;
}

static void add_bytes(StrBuf *b, const uint8_t *bytes, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (isprint(bytes[i]))
                        strbuf_addf(b, "%c", bytes[i]);
                else
                        strbuf_addf(b, "\\x%02x", bytes[i]);
}

char *store_row_name(StoreTable table, const void *key, size_t key_size) {
        _cleanup_strbuf_ StrBuf b = {};
        uint64_t number;
        int class = -EINVAL;

        if (table == STORE_META)
                return strdup("meta");
        if (table == STORE_OBJECT)
                class = store_key_read(key, key_size, &number);
        if (table == STORE_FORMER && key_size == sizeof(number))
                strbuf_addf(&b, "former card %" PRIu64, db_key_number(key));
        else if (class >= 0)
                strbuf_addf(&b, "%s %" PRIu64, object_class_to_string((ObjectClass) class), number);
        else {
                strbuf_addf(&b, "%s key ", store_table_names[table]);
                add_bytes(&b, key, key_size);
        }
        return strbuf_take(&b);
}
