/*
 * Older copies of policyd's database
 */

#include "policyd/pool/each.h"
#include "policyd/store/store.h"
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
        history_add(&w->history, "policyd restored marked=%d", c->marked);
        world_start_policyd(w);
        if (!c->marked)
                world_run(w, COPY_TELLING);
        return true;
}

void copy_done(Copy *c) {
        c->db = sim_db_free(c->db);
}
