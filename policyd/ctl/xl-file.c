/*
 * Files of xl(1) as configs of VMs
 */

#include "policyd/ctl/xl-file.h"

#include "common/base/text.h"
#include "common/json/json-get.h"
#include "policyd/ctl/file-argument.h"

#ifdef XENVGPU_XL_CONFIGS
#include <dlfcn.h>

#include "policyd/ctl/xl/xl.h"

/* NULL: it is not there, and that was said. It stays loaded. */
static const XlModule *load_module(void) {
        void *library = dlopen(XL_MODULE, RTLD_NOW | RTLD_LOCAL);
        const XlModule *m = library ? dlsym(library, XL_MODULE_SYMBOL) : NULL;
        _cleanup_strbuf_ StrBuf b = {};

        if (m)
                return m;
        strbuf_addf(&b, "It cannot be loaded: %s.", strempty(dlerror()));
        (void) ctl_say_not_here("reader and writer of xl.cfg", strempty(b.text));
        return NULL;
}

static int refuse(const char *why) {
        _cleanup_strbuf_ StrBuf b = {};
        size_t n = strlen(why);

        strbuf_addf(&b, "The config is no JSON, and as xl.cfg: %s%s", why, n > 0 && strchr(".!?", why[n - 1]) ? "" : ".");
        return strbuf_error(&b) < 0 ? ctl_no_memory() : ctl_say_error("org.xenvgpu.Error.InvalidRecord", b.text);
}

bool xl_file_looks_so(const char *text) {
        return text[strspn(text, " \t\r\n")] != '{';
}

int xl_file_read(const char *text, size_t size, struct json_object **ret) {
        _cleanup_free_ char *why = NULL;
        char buf[TEXT_FAULT_MAX];
        const char *fault = text_fault(text, size, TEXT_LINES, buf);
        const XlModule *module;
        int r;

        /* Also a NUL, behind which no key would be seen. */
        if (fault)
                return refuse(fault);
        module = load_module();
        if (!module)
                return EXIT_REFUSED;
        r = module->read(text, ret, &why);
        if (r == -EINVAL)
                return refuse(strempty(why));
        return r < 0 ? ctl_no_memory() : 0;
}

static void write_vgpus(StrBuf *b, struct json_object *record) {
        struct json_object *vgpus = answer_member(record, "vgpus");

        for (size_t i = 0; i < answer_length(vgpus); i++) {
                struct json_object *v = json_object_array_get_idx(vgpus, i);

                strbuf_addf(b, "# xl has no VGPUs; this VM has VGPU %s: %s of group '%s'\n", answer_text(v, "device"),
                        answer_text(answer_member(v, "type"), "model_name"), answer_text(answer_member(v, "gpu_group"), "name_label"));
        }
}

/* Name and uuid are those of the record, whatever the config says. */
int xl_file_write(const char *filename, struct json_object *record) {
        struct json_object *config = answer_member(record, "config"), *c_info = answer_member(config, "c_info");
        const XlModule *module = load_module();
        _cleanup_strbuf_ StrBuf b = {};
        int r = 0;

        if (!module)
                return EXIT_REFUSED;
        if (json_object_is_type(c_info, json_type_object))
                r = json_add_string(c_info, "name", answer_text(record, "name_label")) ?:
                        json_add_string(c_info, "uuid", answer_text(record, "uuid"));
        r = r < 0 ? r : module->write(config, &b);
        write_vgpus(&b, record);
        return r < 0 || strbuf_error(&b) < 0 ? ctl_no_memory() : file_argument_write(filename, strempty(b.text));
}

#else

bool xl_file_looks_so(const char *text) {
        return false;
}

int xl_file_read(const char *text, size_t size, struct json_object **ret) {
        return ctl_usage("this xenvgpu was built without libxlutil and reads no xl.cfg");
}

int xl_file_write(const char *filename, struct json_object *record) {
        return ctl_usage("this xenvgpu was built without libxlutil and writes no xl.cfg");
}

#endif
