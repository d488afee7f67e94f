/*
 * Older copies of policyd's database
 */

#include "policyd/pool/each.h"
#include "policyd/store/internal.h"
#include "tests/proof/copies.h"

#define MAP_SIZE (1 << 20)

static int skip_answer(const StoreAnswer *answer, void *userdata) {
        return 0;
}

typedef struct Content {
        Db *store;
        Pool *pool;
        StoreMeta meta;
        UnreadableRows rows;
        char *problem;
} Content;

static void content_done(Content *c) {
        if (!c->store)
                return;
        pool_free(c->pool);
        db_close(c->store);
        unreadable_rows_done(&c->rows);
        free(c->problem);
        *c = (Content){};
}

static void load(const SimDb *db, Content *ret) {
        *ret = (Content){};
        if (store_open(sim_db_source(db), MAP_SIZE, MAP_SIZE, &ret->problem, &ret->store) < 0 ||
                store_load(ret->store, skip_answer, NULL, &ret->pool, &ret->meta, &ret->rows, &ret->problem) < 0)
                abort();
}

/* As Manager.Backup does to its copy. */
static void mark(Content *c, uint64_t now) {
        StoreOps ops = {};

        c->meta.backup = now;
        if (store_ops_put_meta(&ops, &c->meta) < 0 || store_write(c->store, &ops) < 0)
                abort();
        store_ops_done(&ops);
}

void copy_take(Copy *c, World *w) {
        _cleanup_(content_done) Content content = {};

        copy_done(c);
        c->db = sim_db_copy(w->db);
        c->marked = chance(&w->dice, 500);
        load(c->db, &content);
        if (uuid_is_null(&content.meta.pool) || content.pool->objects[CLASS_HOST].n < w->n_machines) {
                content_done(&content);
                copy_done(c);
                return;
        }
        if (c->marked)
                mark(&content, loop_now(w->loop, LOOP_REALTIME) ?: 1);
        history_add(&w->history, "policyd copied marked=%d", c->marked);
}

bool copy_can_be_told(const Copy *c, World *w) {
        _cleanup_(content_done) Content content = {};
        uint64_t orders;

        load(c->db, &content);
        orders = content.meta.orders;
        for_each(const Vm, vm, &content.pool->objects[CLASS_VM])
                orders = MAX_OF(orders, vm->order);
        for (unsigned i = 0; i < w->n_machines; i++) {
                const struct NetWay *way = &w->net.ways[i];

                if (!way->closed && !way->full && way->strike == NET_STRIKE_NONE && way->delay[0] == 0 && way->delay[1] == 0 &&
                        machine_knows_later(&w->machines[i], UUID_TEXT(&content.meta.pool), content.meta.epoch, orders))
                        return true;
        }
        return false;
}

Uuid copy_pool(const World *w) {
        _cleanup_(sim_db_freep) SimDb *db = sim_db_copy(w->db);
        Content content;
        Uuid pool;

        load(db, &content);
        pool = content.meta.pool;
        content_done(&content);
        return pool;
}

bool copy_restore(const Copy *c, World *w) {
        if (!c->db || (!c->marked && !copy_can_be_told(c, w)))
                return false;
        world_crash_policyd(w);
        sim_db_fail(w->db, SIM_DB_WORKS, 0, 0);
        sim_db_restore(w->db, c->db);
        w->rows_spoilt = true; /* perhaps: there may have been one when the copy was made */
        history_add(&w->history, "policyd restored marked=%d", c->marked);
        world_start_policyd(w);
        if (!c->marked)
                world_run(w, COPY_TELLING);
        return true;
}

/* One that is over, or that nothing of a host hangs on. */
static const Object *choose_row(World *w) {
        static const ObjectClass classes[] = {CLASS_JOB, CLASS_RESERVATION, CLASS_QUOTA, CLASS_VM_GROUP};
        const PtrArray *list = &policy_pool(w->policy)->objects[classes[chance_between(&w->dice, 0, ARRAY_SIZE(classes) - 1)]];
        const Object *o = list->n > 0 ? list->items[chance_between(&w->dice, 0, list->n - 1)] : NULL;

        return o && o->class == CLASS_JOB && !job_state_is_final(((const Job *) o)->state) ? NULL : o;
}

bool copy_spoil(World *w, const Object *o) {
        ObjectClass class = o->class;
        Uuid id = o->id;
        StoreKey key;
        bool done;

        store_key_of(o, &key);
        world_crash_policyd(w);
        sim_db_fail(w->db, SIM_DB_WORKS, 0, 0);
        done = sim_db_spoil(w->db, STORE_OBJECT, key.bytes, key.size);
        if (done)
                history_add(&w->history, "policyd gone %s=%s row=spoilt", object_class_to_string(class), UUID_TEXT(&id));
        w->rows_spoilt |= done;
        world_start_policyd(w);
        return done;
}

bool copy_spoil_one(World *w) {
        const Object *o = w->policy && !policy_is_read_only(w->policy) ? choose_row(w) : NULL;

        return o && copy_spoil(w, o);
}

void copy_done(Copy *c) {
        c->db = sim_db_free(c->db);
}
