/*
 * vgpuConfig.xml, bytes in
 *
 * expat calls back for each element. We keep a stack of element kinds; a kind is known by its name and its
 * parent's kind, so that a <devId> means the card in a <pgpu>, the virtual device in a <vgpuType>, and
 * nothing elsewhere. A table says where the value of each attribute and text goes. An element that is being read is
 * collected in the reader and added to the result at its end, if nothing in it was wrong.
 */

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/text.h"
#include "hostd/core/grow.h"
#include "hostd/edge/nvidia-xml-read.h"

#define TEXT_MAX 64
#define FAULT_MAX 256

typedef enum ElementKind {
        ELEMENT_OTHER,
        ELEMENT_ROOT,
        ELEMENT_TYPE,
        ELEMENT_TYPE_ID,
        ELEMENT_TYPE_FRAMEBUFFER,
        ELEMENT_TYPE_HEADS,
        ELEMENT_TYPE_DISPLAY,
        ELEMENT_TYPE_MULTI,
        ELEMENT_PGPU,
        ELEMENT_PGPU_ID,
        ELEMENT_SUPPORTED,
        ELEMENT_SUPPORTED_MAX,
        _ELEMENT_KIND_MAX,
        _ELEMENT_KIND_INVALID = -EINVAL,
} ElementKind;

#define SEEN(kind) (1u << (kind))

/* owner: the element that is collected, of which this one is a part; itself where it is one of those three. */
static const struct {
        const char *name;
        ElementKind parent, owner;
        unsigned required; /* parts that it must have */
} elements[_ELEMENT_KIND_MAX] = {
        [ELEMENT_TYPE] = {"vgpuType", ELEMENT_ROOT, ELEMENT_TYPE,
                SEEN(ELEMENT_TYPE_ID) | SEEN(ELEMENT_TYPE_FRAMEBUFFER) | SEEN(ELEMENT_TYPE_HEADS) |
                        SEEN(ELEMENT_TYPE_DISPLAY)},
        [ELEMENT_TYPE_ID] = {"devId", ELEMENT_TYPE, ELEMENT_TYPE, 0},
        [ELEMENT_TYPE_FRAMEBUFFER] = {"framebuffer", ELEMENT_TYPE, ELEMENT_TYPE, 0},
        [ELEMENT_TYPE_HEADS] = {"numHeads", ELEMENT_TYPE, ELEMENT_TYPE, 0},
        [ELEMENT_TYPE_DISPLAY] = {"display", ELEMENT_TYPE, ELEMENT_TYPE, 0},
        [ELEMENT_TYPE_MULTI] = {"multiVgpuSupported", ELEMENT_TYPE, ELEMENT_TYPE, 0},
        [ELEMENT_PGPU] = {"pgpu", ELEMENT_ROOT, ELEMENT_PGPU, SEEN(ELEMENT_PGPU_ID)},
        [ELEMENT_PGPU_ID] = {"devId", ELEMENT_PGPU, ELEMENT_PGPU, 0},
        [ELEMENT_SUPPORTED] = {"supportedVgpu", ELEMENT_PGPU, ELEMENT_SUPPORTED, SEEN(ELEMENT_SUPPORTED_MAX)},
        [ELEMENT_SUPPORTED_MAX] = {"maxVgpus", ELEMENT_SUPPORTED, ELEMENT_SUPPORTED, 0},
};

/* An element that is being collected: which of its parts were seen, and the first thing that was wrong. */
typedef struct Collect {
        unsigned seen;
        unsigned line;
        char fault[FAULT_MAX]; /* "" for none */
} Collect;

typedef struct XmlReader {
        /* in */
        const ProblemSink *problems;
        XML_Parser parser;
        /* private */
        ElementKind stack[NVIDIA_XML_DEPTH_MAX];
        size_t depth;
        size_t n_elements;
        char text[TEXT_MAX]; /* of the leaf that is being read */
        size_t text_size;
        Collect collects[_ELEMENT_KIND_MAX]; /* of the owners */
        NvidiaXmlType type;
        NvidiaXmlPgpu pgpu;
        NvidiaXmlSupported supported;
        const char *stopped; /* why we stopped the parser ourselves */
        bool out_of_memory;
        /* out */
        NvidiaXml xml;
} XmlReader;

typedef enum ValueKind {
        VALUE_NAME, /* char *, cleaned */
        VALUE_U16,
        VALUE_U32,
        VALUE_U64,
        VALUE_COUNT, /* uint32_t, from 1 to a million */
        VALUE_FLAG,  /* bool: whether it is 1 */
} ValueKind;

/* Where an attribute of an element goes, or, without a name, its text. */
static const struct {
        ElementKind element;
        const char *attribute;
        ValueKind kind;
        size_t offset;
} values[] = {
        {ELEMENT_TYPE, "id", VALUE_NAME, offsetof(XmlReader, type.id)},
        {ELEMENT_TYPE, "name", VALUE_NAME, offsetof(XmlReader, type.name)},
        {ELEMENT_TYPE, "class", VALUE_NAME, offsetof(XmlReader, type.vclass)},
        {ELEMENT_TYPE_ID, "deviceId", VALUE_U16, offsetof(XmlReader, type.vdev)},
        {ELEMENT_TYPE_ID, "subsystemId", VALUE_U16, offsetof(XmlReader, type.vsubdev)},
        {ELEMENT_TYPE_FRAMEBUFFER, NULL, VALUE_U64, offsetof(XmlReader, type.framebuffer)},
        {ELEMENT_TYPE_HEADS, NULL, VALUE_U32, offsetof(XmlReader, type.heads)},
        {ELEMENT_TYPE_DISPLAY, "width", VALUE_U32, offsetof(XmlReader, type.max_x)},
        {ELEMENT_TYPE_DISPLAY, "height", VALUE_U32, offsetof(XmlReader, type.max_y)},
        {ELEMENT_TYPE_MULTI, NULL, VALUE_FLAG, offsetof(XmlReader, type.multi_vgpu_supported)},
        {ELEMENT_PGPU_ID, "deviceId", VALUE_U16, offsetof(XmlReader, pgpu.pdev)},
        {ELEMENT_PGPU_ID, "subsystemId", VALUE_U16, offsetof(XmlReader, pgpu.psubdev)},
        {ELEMENT_SUPPORTED, "vgpuId", VALUE_NAME, offsetof(XmlReader, supported.vgpu_id)},
        {ELEMENT_SUPPORTED_MAX, NULL, VALUE_COUNT, offsetof(XmlReader, supported.max_vgpus)},
};

static unsigned current_line(const XmlReader *x) {
        return (unsigned) XML_GetCurrentLineNumber(x->parser);
}

static void stop(XmlReader *x, const char *why) {
        if (!x->stopped)
                x->stopped = why;
        XML_StopParser(x->parser, /* resumable= */ XML_FALSE);
}

static void stop_out_of_memory(XmlReader *x) {
        x->out_of_memory = true;
        stop(x, "out of memory");
}

static void fault(Collect *c, const char *format, ...) _printf_(2, 3);

static void fault(Collect *c, const char *format, ...) {
        va_list ap;

        if (*c->fault)
                return;
        va_start(ap, format);
        text_vformat(c->fault, sizeof(c->fault), format, ap);
        va_end(ap);
}

/* Values. */

static uint64_t kind_max(ValueKind kind) {
        return kind == VALUE_U16 ? UINT16_MAX : kind == VALUE_U32 ? UINT32_MAX : kind == VALUE_COUNT ? 1u << 20 : UINT64_MAX;
}

static void put_number(void *place, ValueKind kind, uint64_t n) {
        switch (kind) {
        case VALUE_U16:
                *(uint16_t *) place = (uint16_t) n;
                break;
        case VALUE_U32:
        case VALUE_COUNT:
                *(uint32_t *) place = (uint32_t) n;
                break;
        case VALUE_U64:
                *(uint64_t *) place = n;
                break;
        case VALUE_FLAG:
                *(bool *) place = n == 1;
                break;
        case VALUE_NAME:
                break;
        }
}

static const char *attribute(const XML_Char **attributes, const char *name) {
        for (; *attributes; attributes += 2)
                if (streq(attributes[0], name))
                        return attributes[1];
        return NULL;
}

static void read_attribute(XmlReader *x, Collect *c, size_t i, const XML_Char **attributes) {
        const char *name = values[i].attribute, *value = attribute(attributes, name);
        const char *element = elements[values[i].element].name;
        void *place = (char *) x + values[i].offset;
        uint64_t n;

        if (values[i].kind == VALUE_NAME && isempty(value))
                fault(c, value ? "its attribute %s is empty" : "it has no attribute %s", name);
        else if (values[i].kind == VALUE_NAME) {
                *(char **) place = text_clean(value, strlen(value), TEXT_LINE, TEXT_NAME_MAX);
                if (!*(char **) place)
                        stop_out_of_memory(x);
        } else if (!value)
                fault(c, "its <%s> has no attribute %s", element, name);
        else if (parse_number(value, &n) < 0 || n > kind_max(values[i].kind))
                fault(c, "the attribute %s of its <%s> is no number up to %llu", name, element,
                        (unsigned long long) kind_max(values[i].kind));
        else
                put_number(place, values[i].kind, n);
}

static void read_text(XmlReader *x, Collect *c, size_t i) {
        uint64_t min = values[i].kind == VALUE_COUNT, max = kind_max(values[i].kind), n;
        char *text = x->text;

        x->text[x->text_size] = '\0';
        while (x->text_size > 0 && strchr(" \t\r\n", x->text[x->text_size - 1]))
                x->text[--x->text_size] = '\0';
        text += strspn(text, " \t\r\n");

        if (parse_number(text, &n) < 0 || n < min || n > max)
                fault(c, "its <%s> is no number from %llu to %llu", elements[values[i].element].name,
                        (unsigned long long) min, (unsigned long long) max);
        else
                put_number((char *) x + values[i].offset, values[i].kind, n);
}

/* Elements that are collected. */

static void supported_clear(NvidiaXmlSupported *s) {
        free(s->vgpu_id);
        *s = (NvidiaXmlSupported){};
}

static void begin_collect(XmlReader *x, ElementKind kind, const XML_Char **attributes) {
        const char *mode = attribute(attributes, "hostVgpuMode");
        Collect *c = &x->collects[kind];

        *c = (Collect){ .line = current_line(x) };
        if (++x->n_elements > NVIDIA_XML_ELEMENTS_MAX)
                stop(x, "it has too many elements");
        if (kind == ELEMENT_TYPE) {
                nvidia_xml_type_done(&x->type);
                x->type.line = c->line;
        } else if (kind == ELEMENT_SUPPORTED)
                supported_clear(&x->supported);
        else {
                nvidia_xml_pgpu_done(&x->pgpu);
                x->pgpu.line = c->line;
                x->pgpu.sriov = mode && streq(mode, "sriov");
                if (mode && !x->pgpu.sriov)
                        problem_report(x->problems, c->line, "hostVgpuMode '%s' is not known and taken as none", mode);
        }
}

static bool has_type_id(const XmlReader *x, const char *id) {
        for (size_t i = 0; i < x->xml.n_types; i++)
                if (streq(x->xml.types[i].id, id))
                        return true;
        return false;
}

/* Moves what was collected to where it belongs; -ENOMEM. */
static int keep(XmlReader *x, ElementKind kind) {
        NvidiaXmlPgpu *p = &x->pgpu;
        NvidiaXml *xml = &x->xml;

        if (kind == ELEMENT_TYPE) {
                if (GROW(xml->types, xml->n_types) < 0)
                        return -ENOMEM;
                xml->types[xml->n_types++] = take_struct(x->type);
        } else if (kind == ELEMENT_PGPU) {
                if (GROW(xml->pgpus, xml->n_pgpus) < 0)
                        return -ENOMEM;
                xml->pgpus[xml->n_pgpus++] = take_struct(*p);
        } else {
                if (GROW(p->supported, p->n_supported) < 0)
                        return -ENOMEM;
                p->supported[p->n_supported++] = take_struct(x->supported);
        }
        return 0;
}

static void end_collect(XmlReader *x, ElementKind kind) {
        Collect *c = &x->collects[kind];

        if (kind == ELEMENT_TYPE && x->type.id && has_type_id(x, x->type.id))
                fault(c, "an earlier one has the id '%s'", x->type.id);
        if ((c->seen & elements[kind].required) != elements[kind].required)
                fault(c, "a part of it is missing");
        if (*c->fault)
                problem_report(x->problems, c->line, "this %s is left out: %s", elements[kind].name, c->fault);
        else if (!x->out_of_memory && keep(x, kind) < 0)
                stop_out_of_memory(x);
}

/* What expat calls. */

static ElementKind find_kind(const XmlReader *x, const char *name) {
        if (x->depth == 0)
                return ELEMENT_ROOT;
        for (ElementKind k = ELEMENT_TYPE; k < _ELEMENT_KIND_MAX; k++)
                if (elements[k].parent == x->stack[x->depth - 1] && streq(elements[k].name, name))
                        return k;
        return ELEMENT_OTHER;
}

static void on_start(void *userdata, const XML_Char *name, const XML_Char **attributes) {
        XmlReader *x = userdata;
        ElementKind kind = find_kind(x, name), owner = elements[kind].owner;

        if (x->depth == NVIDIA_XML_DEPTH_MAX) {
                stop(x, "its elements are nested too deeply");
                return;
        }
        x->stack[x->depth++] = kind;
        x->text_size = 0;

        if (owner == ELEMENT_OTHER)
                return;
        if (owner == kind)
                begin_collect(x, kind, attributes);
        x->collects[owner].seen |= SEEN(kind);
        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                if (values[i].element == kind && values[i].attribute)
                        read_attribute(x, &x->collects[owner], i, attributes);
}

/* Longer text than any number of ours is cut, and is then no number. */
static void on_text(void *userdata, const XML_Char *text, int size) {
        XmlReader *x = userdata;
        size_t n = MIN_OF((size_t) size, sizeof(x->text) - 1 - x->text_size);

        memcpy(x->text + x->text_size, text, n);
        x->text_size += n;
}

static void on_end(void *userdata, const XML_Char *name) {
        XmlReader *x = userdata;
        ElementKind kind;

        /* After a stop expat still ends the element that it was in. */
        if (x->stopped)
                return;

        kind = x->stack[--x->depth];
        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                if (values[i].element == kind && !values[i].attribute)
                        read_text(x, &x->collects[elements[kind].owner], i);
        if (kind != ELEMENT_OTHER && elements[kind].owner == kind)
                end_collect(x, kind);
        x->text_size = 0;
}

static void on_entity(void *userdata, const XML_Char *name, int is_parameter, const XML_Char *value,
        int value_size, const XML_Char *base, const XML_Char *system_id, const XML_Char *public_id,
        const XML_Char *notation) {
        stop(userdata, "it declares entities of its own");
}

static int run_parser(XmlReader *x, const char *data, size_t size) {
        enum XML_Status status;

        XML_SetUserData(x->parser, x);
        XML_SetElementHandler(x->parser, on_start, on_end);
        XML_SetCharacterDataHandler(x->parser, on_text);
        XML_SetEntityDeclHandler(x->parser, on_entity);

        status = XML_Parse(x->parser, data, (int) size, /* isFinal= */ 1);
        if (x->out_of_memory || XML_GetErrorCode(x->parser) == XML_ERROR_NO_MEMORY)
                return -ENOMEM;
        if (status != XML_STATUS_OK)
                problem_report(x->problems, current_line(x), "the file is read up to here only: %s",
                        x->stopped ? x->stopped : XML_ErrorString(XML_GetErrorCode(x->parser)));
        return 0;
}

int nvidia_xml_read(const char *data, size_t size, const ProblemSink *problems, NvidiaXml *ret) {
        XmlReader x = { .problems = problems };
        int r;

        if (size > NVIDIA_XML_SIZE_MAX) {
                problem_report(
                        problems, 0, "the file is not read: it has more than %u bytes", NVIDIA_XML_SIZE_MAX);
                *ret = (NvidiaXml){};
                return 0;
        }

        x.parser = XML_ParserCreate(NULL);
        if (!x.parser)
                return -ENOMEM;
        r = run_parser(&x, data, size);
        XML_ParserFree(x.parser);
        nvidia_xml_type_done(&x.type);
        nvidia_xml_pgpu_done(&x.pgpu);
        supported_clear(&x.supported);
        if (r < 0) {
                nvidia_xml_done(&x.xml);
                return r;
        }

        *ret = x.xml;
        return 0;
}
