/*
 * vgpuConfig.xml, bytes in
 *
 * expat calls back for each element. We keep a stack of element kinds; a kind is known by its name and its
 * parent's kind, so that a <devId> means the card in a <pgpu>, the virtual device in a <vgpuType>, and
 * nothing elsewhere. An element that is being read is collected in the reader and added to the result at its
 * end, if nothing in it was wrong.
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

static const struct {
        ElementKind parent;
        const char *name;
        ElementKind kind;
} element_kinds[] = {
        { ELEMENT_ROOT, "vgpuType", ELEMENT_TYPE },
        { ELEMENT_TYPE, "devId", ELEMENT_TYPE_ID },
        { ELEMENT_TYPE, "framebuffer", ELEMENT_TYPE_FRAMEBUFFER },
        { ELEMENT_TYPE, "numHeads", ELEMENT_TYPE_HEADS },
        { ELEMENT_TYPE, "display", ELEMENT_TYPE_DISPLAY },
        { ELEMENT_TYPE, "multiVgpuSupported", ELEMENT_TYPE_MULTI },
        { ELEMENT_ROOT, "pgpu", ELEMENT_PGPU },
        { ELEMENT_PGPU, "devId", ELEMENT_PGPU_ID },
        { ELEMENT_PGPU, "supportedVgpu", ELEMENT_SUPPORTED },
        { ELEMENT_SUPPORTED, "maxVgpus", ELEMENT_SUPPORTED_MAX },
};

#define SEEN(kind) (1u << (kind))
#define TYPE_REQUIRED                                                                                        \
        (SEEN(ELEMENT_TYPE_ID) | SEEN(ELEMENT_TYPE_FRAMEBUFFER) | SEEN(ELEMENT_TYPE_HEADS) |                 \
                SEEN(ELEMENT_TYPE_DISPLAY))
#define PGPU_REQUIRED SEEN(ELEMENT_PGPU_ID)
#define SUPPORTED_REQUIRED SEEN(ELEMENT_SUPPORTED_MAX)

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
        Collect type_state, pgpu_state, supported_state;
        NvidiaXmlType type;
        NvidiaXmlPgpu pgpu;
        NvidiaXmlSupported supported;
        const char *stopped; /* why we stopped the parser ourselves */
        bool out_of_memory;
        /* out */
        NvidiaXml xml;
} XmlReader;

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

static const char *attribute(const XML_Char **attributes, const char *name) {
        for (; *attributes; attributes += 2)
                if (streq(attributes[0], name))
                        return attributes[1];
        return NULL;
}

/* A clean copy of a required attribute. */
static char *take_name(XmlReader *x, Collect *c, const XML_Char **attributes, const char *name) {
        const char *value = attribute(attributes, name);
        char *copy;

        if (isempty(value)) {
                fault(c, value ? "its attribute %s is empty" : "it has no attribute %s", name);
                return NULL;
        }

        copy = text_clean(value, strlen(value), TEXT_LINE, TEXT_NAME_MAX);
        if (!copy)
                stop_out_of_memory(x);
        return copy;
}

static uint64_t take_number(
        Collect *c, const XML_Char **attributes, const char *element, const char *name, uint64_t max) {
        const char *value = attribute(attributes, name);
        uint64_t n;

        if (!value)
                fault(c, "its <%s> has no attribute %s", element, name);
        else if (parse_number(value, &n) < 0 || n > max)
                fault(c, "the attribute %s of its <%s> is no number up to %llu", name, element,
                        (unsigned long long) max);
        else
                return n;
        return 0;
}

static void begin_collect(XmlReader *x, Collect *c) {
        *c = (Collect){ .line = current_line(x) };
        if (++x->n_elements > NVIDIA_XML_ELEMENTS_MAX)
                stop(x, "it has too many elements");
}

static void type_clear(NvidiaXmlType *t) {
        free(t->id);
        free(t->name);
        free(t->vclass);
        *t = (NvidiaXmlType){};
}

static void pgpu_clear(NvidiaXmlPgpu *p) {
        for (size_t i = 0; i < p->n_supported; i++)
                free(p->supported[i].vgpu_id);
        free(p->supported);
        *p = (NvidiaXmlPgpu){};
}

static void supported_clear(NvidiaXmlSupported *s) {
        free(s->vgpu_id);
        *s = (NvidiaXmlSupported){};
}

static void begin_type(XmlReader *x, const XML_Char **attributes) {
        Collect *c = &x->type_state;

        begin_collect(x, c);
        type_clear(&x->type);
        x->type.line = c->line;
        x->type.id = take_name(x, c, attributes, "id");
        x->type.name = take_name(x, c, attributes, "name");
        x->type.vclass = take_name(x, c, attributes, "class");
}

static void begin_pgpu(XmlReader *x, const XML_Char **attributes) {
        const char *mode = attribute(attributes, "hostVgpuMode");

        begin_collect(x, &x->pgpu_state);
        pgpu_clear(&x->pgpu);
        x->pgpu.line = x->pgpu_state.line;
        x->pgpu.sriov = mode && streq(mode, "sriov");
        if (mode && !x->pgpu.sriov)
                problem_report(
                        x->problems, x->pgpu.line, "hostVgpuMode '%s' is not known and taken as none", mode);
}

static void begin_supported(XmlReader *x, const XML_Char **attributes) {
        begin_collect(x, &x->supported_state);
        supported_clear(&x->supported);
        x->supported.vgpu_id = take_name(x, &x->supported_state, attributes, "vgpuId");
}

static void begin_type_part(XmlReader *x, ElementKind kind, const XML_Char **attributes) {
        Collect *c = &x->type_state;

        c->seen |= SEEN(kind);
        if (kind == ELEMENT_TYPE_ID) {
                x->type.vdev = (uint16_t) take_number(c, attributes, "devId", "deviceId", UINT16_MAX);
                x->type.vsubdev = (uint16_t) take_number(c, attributes, "devId", "subsystemId", UINT16_MAX);
        } else if (kind == ELEMENT_TYPE_DISPLAY) {
                x->type.max_x = (uint32_t) take_number(c, attributes, "display", "width", UINT32_MAX);
                x->type.max_y = (uint32_t) take_number(c, attributes, "display", "height", UINT32_MAX);
        }
}

static void begin_pgpu_id(XmlReader *x, const XML_Char **attributes) {
        Collect *c = &x->pgpu_state;

        c->seen |= SEEN(ELEMENT_PGPU_ID);
        x->pgpu.pdev = (uint16_t) take_number(c, attributes, "devId", "deviceId", UINT16_MAX);
        x->pgpu.psubdev = (uint16_t) take_number(c, attributes, "devId", "subsystemId", UINT16_MAX);
}

static ElementKind find_kind(const XmlReader *x, const char *name) {
        if (x->depth == 0)
                return ELEMENT_ROOT;
        for (size_t i = 0; i < ARRAY_SIZE(element_kinds); i++)
                if (element_kinds[i].parent == x->stack[x->depth - 1] && streq(element_kinds[i].name, name))
                        return element_kinds[i].kind;
        return ELEMENT_OTHER;
}

static void on_start(void *userdata, const XML_Char *name, const XML_Char **attributes) {
        XmlReader *x = userdata;
        ElementKind kind = find_kind(x, name);

        if (x->depth == NVIDIA_XML_DEPTH_MAX) {
                stop(x, "its elements are nested too deeply");
                return;
        }
        x->stack[x->depth++] = kind;
        x->text_size = 0;

        switch (kind) {
        case ELEMENT_TYPE:
                begin_type(x, attributes);
                break;
        case ELEMENT_TYPE_ID:
        case ELEMENT_TYPE_FRAMEBUFFER:
        case ELEMENT_TYPE_HEADS:
        case ELEMENT_TYPE_DISPLAY:
        case ELEMENT_TYPE_MULTI:
                begin_type_part(x, kind, attributes);
                break;
        case ELEMENT_PGPU:
                begin_pgpu(x, attributes);
                break;
        case ELEMENT_PGPU_ID:
                begin_pgpu_id(x, attributes);
                break;
        case ELEMENT_SUPPORTED:
                begin_supported(x, attributes);
                break;
        case ELEMENT_SUPPORTED_MAX:
                x->supported_state.seen |= SEEN(kind);
                break;
        case ELEMENT_OTHER:
        case ELEMENT_ROOT:
        case _ELEMENT_KIND_MAX:
        case _ELEMENT_KIND_INVALID:
                break;
        }
}

/* Longer text than any number of ours is cut, and is then no number. */
static void on_text(void *userdata, const XML_Char *text, int size) {
        XmlReader *x = userdata;
        size_t n = MIN_OF((size_t) size, sizeof(x->text) - 1 - x->text_size);

        memcpy(x->text + x->text_size, text, n);
        x->text_size += n;
}

static uint64_t text_number(XmlReader *x, Collect *c, const char *element, uint64_t min, uint64_t max) {
        char *text = x->text;
        uint64_t n;

        x->text[x->text_size] = '\0';
        while (x->text_size > 0 && strchr(" \t\r\n", x->text[x->text_size - 1]))
                x->text[--x->text_size] = '\0';
        text += strspn(text, " \t\r\n");

        if (parse_number(text, &n) < 0 || n < min || n > max) {
                fault(c, "its <%s> is no number from %llu to %llu", element, (unsigned long long) min,
                        (unsigned long long) max);
                return 0;
        }
        return n;
}

static bool has_type_id(const XmlReader *x, const char *id) {
        for (size_t i = 0; i < x->xml.n_types; i++)
                if (streq(x->xml.types[i].id, id))
                        return true;
        return false;
}

/* True when the element may be added. */
static bool end_collect(XmlReader *x, Collect *c, const char *element, unsigned required) {
        if ((c->seen & required) != required)
                fault(c, "a part of it is missing");
        if (*c->fault)
                problem_report(x->problems, c->line, "this %s is left out: %s", element, c->fault);
        return !*c->fault && !x->out_of_memory;
}

static void end_type(XmlReader *x) {
        if (x->type.id && has_type_id(x, x->type.id))
                fault(&x->type_state, "an earlier one has the id '%s'", x->type.id);
        if (!end_collect(x, &x->type_state, "vgpuType", TYPE_REQUIRED))
                return;
        if (GROW(x->xml.types, x->xml.n_types) < 0) {
                stop_out_of_memory(x);
                return;
        }
        x->xml.types[x->xml.n_types++] = x->type;
        x->type = (NvidiaXmlType){};
}

static void end_pgpu(XmlReader *x) {
        if (!end_collect(x, &x->pgpu_state, "pgpu", PGPU_REQUIRED))
                return;
        if (GROW(x->xml.pgpus, x->xml.n_pgpus) < 0) {
                stop_out_of_memory(x);
                return;
        }
        x->xml.pgpus[x->xml.n_pgpus++] = x->pgpu;
        x->pgpu = (NvidiaXmlPgpu){};
}

static void end_supported(XmlReader *x) {
        if (!end_collect(x, &x->supported_state, "supportedVgpu", SUPPORTED_REQUIRED))
                return;
        if (GROW(x->pgpu.supported, x->pgpu.n_supported) < 0) {
                stop_out_of_memory(x);
                return;
        }
        x->pgpu.supported[x->pgpu.n_supported++] = x->supported;
        x->supported = (NvidiaXmlSupported){};
}

static void on_end(void *userdata, const XML_Char *name) {
        XmlReader *x = userdata;

        /* After a stop expat still ends the element that it was in. */
        if (x->stopped)
                return;

        switch (x->stack[--x->depth]) {
        case ELEMENT_TYPE:
                end_type(x);
                break;
        case ELEMENT_TYPE_FRAMEBUFFER:
                x->type.framebuffer = text_number(x, &x->type_state, "framebuffer", 0, UINT64_MAX);
                break;
        case ELEMENT_TYPE_HEADS:
                x->type.heads = (uint32_t) text_number(x, &x->type_state, "numHeads", 0, UINT32_MAX);
                break;
        case ELEMENT_TYPE_MULTI:
                x->type.multi_vgpu_supported =
                        text_number(x, &x->type_state, "multiVgpuSupported", 0, UINT64_MAX) == 1;
                break;
        case ELEMENT_PGPU:
                end_pgpu(x);
                break;
        case ELEMENT_SUPPORTED:
                end_supported(x);
                break;
        case ELEMENT_SUPPORTED_MAX:
                x->supported.max_vgpus =
                        (uint32_t) text_number(x, &x->supported_state, "maxVgpus", 1, 1u << 20);
                break;
        case ELEMENT_TYPE_ID:
        case ELEMENT_TYPE_DISPLAY:
        case ELEMENT_PGPU_ID:
        case ELEMENT_OTHER:
        case ELEMENT_ROOT:
        case _ELEMENT_KIND_MAX:
        case _ELEMENT_KIND_INVALID:
                break;
        }
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
        type_clear(&x.type);
        pgpu_clear(&x.pgpu);
        supported_clear(&x.supported);
        if (r < 0) {
                nvidia_xml_done(&x.xml);
                return r;
        }

        *ret = x.xml;
        return 0;
}
