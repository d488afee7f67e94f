/*
 * The mirror
 */

#include <inttypes.h>

#include "common/base/strbuf.h"
#include "policyd/pool/property.h"
#include "tests/proof/mirror.h"

typedef struct Entry {
        ObjectClass class;
        Uuid id;
        char **values; /* of the properties, then NULL */
} Entry;

struct Mirror {
        World *world;
        HashMap *entries[_CLASS_MAX];
        size_t n[_CLASS_MAX];
};

static int compare_paths(const void *a, const void *b) {
        return strcmp(a, b);
}

/* Lists have no order: a simulated failure, which is put back, changes it, and so does reading from disk. */
static void add_paths(StrBuf *b, const Object *o, const Property *p) {
        char (*paths)[OBJECT_PATH_MAX] = NULL, path[OBJECT_PATH_MAX];
        size_t n = 0;

        for (size_t i = 0; property_next_path(o, p, &i, path);)
                n++;
        paths = calloc(n + 1, sizeof(*paths));
        if (!paths)
                abort();
        for (size_t i = 0, k = 0; k < n && property_next_path(o, p, &i, paths[k]); k++)
                ;
        qsort(paths, n, sizeof(*paths), compare_paths);
        for (size_t i = 0; i < n; i++)
                strbuf_addf(b, "%s\n", paths[i]);
        free(paths);
}

/* A value as one text. */
static char *value_of(const Object *o, const Property *p) {
        char buf[PROPERTY_TEXT_MAX];
        _cleanup_strbuf_ StrBuf b = {};
        const char *const *texts;
        PropertyTuple t;

        strbuf_add(&b, "");
        switch (p->signature[0] == 'a' ? p->signature[1] : p->signature[0]) {
        case 's':
                if (p->signature[0] == 's') {
                        strbuf_add(&b, property_text(o, p, buf));
                        break;
                }
                texts = property_texts(o, p);
                for (size_t i = 0; texts && texts[i]; i++)
                        strbuf_addf(&b, "%s\n", texts[i]);
                break;
        case '{':
                strbuf_add(&b, property_map(o, p));
                break;
        case 'o':
                add_paths(&b, o, p);
                break;
        case '(':
                for (size_t i = 0; property_tuple(o, p, i, &t); i++)
                        strbuf_addf(&b, "%s|%s|%s\n", strempty(t.items[0]), strempty(t.items[1]), strempty(t.items[2]));
                break;
        case 'd':
                strbuf_addf(&b, "%.9g", property_fraction(o, p));
                break;
        default:
                strbuf_addf(&b, "%llu", (unsigned long long) property_number(o, p));
        }
        return strbuf_take(&b);
}

static Entry *entry_free(Entry *e) {
        for (char **v = e->values; *v; v++)
                free(*v);
        free(e->values);
        free(e);
        return NULL;
}

static void forget_all(Mirror *m) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                Entry *e;

                for (size_t i = 0; m->entries[c] && (e = hashmap_next(m->entries[c], &i));)
                        entry_free(e);
                hashmap_free(m->entries[c]);
                m->entries[c] = hashmap_new_uuid();
                m->n[c] = 0;
        }
}

/* How a job goes on, and what else is worth a line. */
static void say_told(Mirror *m, const Object *o, const Property *p, const char *value) {
        _cleanup_free_ char *word = strdup(value);

        for (char *c = word; c && *c; c++)
                if (*c == ' ')
                        *c = '-';
        if (o->class == CLASS_JOB && streq(p->name, "Stage"))
                history_add(&m->world->history, "policyd tells job=%s stage=%s", UUID_TEXT(&o->id), strempty(word));
        else if (o->class == CLASS_PGPU && streq(p->name, "Health"))
                history_add(&m->world->history, "policyd tells pgpu=%s health=%s functions=%u", UUID_TEXT(&o->id), value,
                        (unsigned) ((const Pgpu *) o)->n_suspect);
        else if (o->class == CLASS_HOST && streq(p->name, "MemoryFree"))
                history_add(&m->world->history, "policyd tells %s=%s property=%s", object_class_to_string(o->class),
                        UUID_TEXT(&o->id), p->name);
}

static void add(Mirror *m, const Object *o) {
        const Property *p = class_properties(o->class);
        Entry *e = calloc(1, sizeof(*e));
        size_t n = 0;

        while (p[n].name)
                n++;
        *e = (Entry){.class = o->class, .id = o->id, .values = calloc(n + 1, sizeof(char *))};
        for (size_t i = 0; i < n; i++)
                e->values[i] = value_of(o, &p[i]);
        for (size_t i = 0; i < n && o->is_new && o->class == CLASS_JOB; i++)
                say_told(m, o, &p[i], e->values[i]);
        if (hashmap_put(m->entries[o->class], &e->id, e) < 0)
                abort();
        m->n[o->class]++;
}

static void differs(Mirror *m, const Object *o, const char *what) {
        history_add(&m->world->history, "mirror differs %s=%s in=%s", object_class_to_string(o->class), UUID_TEXT(&o->id),
                what);
}

static void drop(Mirror *m, const Object *o) {
        Entry *e = hashmap_remove(m->entries[o->class], &o->id);

        if (!e)
                return;
        entry_free(e);
        m->n[o->class]--;
}

/* Of what is only invalidated a client reads the value at once. */
static void update(Mirror *m, const Object *o) {
        const Property *p = class_properties(o->class);
        Entry *e = hashmap_get(m->entries[o->class], &o->id);

        if (!e) {
                differs(m, o, "change-of-unknown");
                return;
        }
        for (uint64_t rest = o->changed; rest; rest &= rest - 1) {
                int i = __builtin_ctzll(rest);

                if (p[i].change == PROPERTY_CONST)
                        continue;
                free(e->values[i]);
                e->values[i] = value_of(o, &p[i]);
                say_told(m, o, &p[i], e->values[i]);
        }
}

/* Some go by the clock. */
static void say_gone(Mirror *m, ObjectClass c, const Uuid *id) {
        history_add(&m->world->history, "policyd gone %s=%s date=%" PRIu64, object_class_to_string(c), UUID_TEXT(id),
                loop_now(m->world->loop, LOOP_REALTIME));
}

static void on_changed(const Object *o, void *userdata) {
        Mirror *m = userdata;

        if (o->removed) {
                if (!o->is_new)
                        say_gone(m, o->class, &o->id);
                drop(m, o);
        } else if (o->is_new) {
                if (hashmap_get(m->entries[o->class], &o->id))
                        differs(m, o, "added-twice");
                else
                        add(m, o);
        } else
                update(m, o);
}

/* What ended while nobody could be told. */
static void say_missing(Mirror *m, const Pool *pool) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                const Entry *e;

                for (size_t i = 0; m->entries[c] && (e = hashmap_next(m->entries[c], &i));)
                        if (!pool_get(pool, c, &e->id))
                                say_gone(m, c, &e->id);
        }
}

static bool knows_end(const Mirror *m, const Object *job) {
        const Entry *e = hashmap_get(m->entries[CLASS_JOB], &job->id);
        const Property *p = class_properties(CLASS_JOB);

        for (size_t i = 0; e && p[i].name; i++)
                if (streq(p[i].name, "State"))
                        return job_state_is_final(job_state_from_string(e->values[i]));
        return false;
}

/* Jobs of which the end was stored, and told to nobody. */
static void say_ended(Mirror *m, const Pool *pool) {
        for (size_t i = 0; i < pool->objects[CLASS_JOB].n; i++) {
                const Job *j = pool->objects[CLASS_JOB].items[i];

                if (job_state_is_final(j->state) && !knows_end(m, &j->object))
                        history_add(&m->world->history, "policyd has-ended job=%s date=%" PRIu64, UUID_TEXT(&j->object.id), j->end_time);
        }
}

/* As GetManagedObjects shows it. */
static void on_started(void *userdata) {
        Mirror *m = userdata;
        const Pool *pool = policy_pool(m->world->policy);

        if (m->entries[CLASS_JOB])
                say_ended(m, pool);
        say_missing(m, pool);
        forget_all(m);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                for (size_t i = 0; i < pool->objects[c].n; i++)
                        add(m, pool->objects[c].items[i]);
}

static const WorldWatcher watcher = {.changed = on_changed, .started = on_started};

Mirror *mirror_new(World *w) {
        Mirror *m = calloc(1, sizeof(*m));

        if (!m)
                abort();
        m->world = w;
        w->watcher = &watcher;
        w->watcher_userdata = m;
        on_started(m);
        return m;
}

Mirror *mirror_free(Mirror *m) {
        if (!m)
                return NULL;
        m->world->watcher = NULL;
        forget_all(m);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                hashmap_free(m->entries[c]);
        free(m);
        return NULL;
}

static void compare_object(Mirror *m, const Object *o) {
        const Entry *e = hashmap_get(m->entries[o->class], &o->id);
        const Property *p = class_properties(o->class);

        if (!e) {
                differs(m, o, "not-added");
                return;
        }
        for (size_t i = 0; p[i].name; i++) {
                _cleanup_free_ char *value = value_of(o, &p[i]);

                if (!streq(value, e->values[i]))
                        differs(m, o, p[i].name);
        }
}

void mirror_compare(Mirror *m, ObjectClass c) {
        const Pool *pool = policy_pool(m->world->policy);
        const PtrArray *all = &pool->objects[c];

        /* Something is announced after a commit that failed: with the next one, at the latest when the disk was tried again. */
        if (pool_has_changes(pool))
                return;
        for (size_t i = 0; i < all->n; i++)
                compare_object(m, all->items[i]);
        if (m->n[c] > all->n)
                history_add(&m->world->history, "mirror differs class=%s in=removed", object_class_to_string(c));
}
