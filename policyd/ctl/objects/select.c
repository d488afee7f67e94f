/*
 * The objects that a verb is called on
 */

#include "policyd/ctl/objects/select.h"

#include "common/base/strlist.h"
#include "policyd/ctl/objects/given.h"

#define NAMES_SHOWN 8

static int say_none(const Ctl *ctl, const ClassInfo *class, const Given *given) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "No %s matches", class->name);
        for (size_t i = 0; i < given->n; i++)
                strbuf_addf(&b, " %s%s%s=%s", given->items[i].field.field->name, given->items[i].field.key ? ":" : "",
                        strempty(given->items[i].field.key), given->items[i].value);
        strbuf_addf(&b, "; xenvgpu %s-list shows what there is.", class->name);
        return ctl_say_error("org.xenvgpu.Error.NoSuchObject", strempty(b.text));
}

static int say_several(Ctl *ctl, const ClassInfo *class, ViewObject *const *objects, size_t n) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "%zu objects of class %s match: ", n, class->name);
        for (size_t i = 0; i < MIN_OF(n, (size_t) NAMES_SHOWN); i++) {
                _cleanup_free_ char *label = object_label(ctl->view, objects[i]->path);

                strbuf_addf(&b, "%s%s", i > 0 ? ", " : "", strempty(label));
        }
        strbuf_addf(&b, "%s. Give --multiple for all of them, or uuid= of one.", n > NAMES_SHOWN ? ", …" : "");
        return ctl_say_error("org.xenvgpu.Error.AmbiguousName", strempty(b.text));
}

static int take_one(const char *text, char ***ret) {
        char **list = calloc(2, sizeof(*list));

        if (list)
                list[0] = strdup(text);
        if (!list || !list[0]) {
                free(list);
                return ctl_no_memory();
        }
        *ret = list;
        return 0;
}

int select_objects(Ctl *ctl, const ClassInfo *class, char ***ret) {
        _cleanup_free_ ViewObject **objects = NULL;
        Given given = given_fields(ctl, class);
        const char *uuid = ctl_arg(ctl, "uuid");
        _cleanup_strlist_ StrList uuids = {};
        bool multiple;
        size_t n = 0;
        int r;

        r = ctl_flag(ctl, "multiple", &multiple);
        if (r != 0)
                return r;
        if (uuid && !multiple && given.n == 0)
                return take_one(uuid, ret);
        /* Beside others it is one condition more; a name may be that of several. */
        if (uuid && field_find(class, "uuid", &given.items[given.n].field))
                given.items[given.n++].value = uuid;
        r = given_load(ctl, class, &given);
        if (r == 0)
                r = given_select(ctl, class, &given, &objects, &n);
        if (r != 0)
                return r;
        if (n == 0)
                return say_none(ctl, class, &given);
        if (n > 1 && !multiple)
                return say_several(ctl, class, objects, n);
        for (size_t i = 0; i < n; i++)
                strlist_add(&uuids, objects[i]->uuid);
        return strlist_take(&uuids, ret) < 0 ? ctl_no_memory() : 0;
}
