/*
 * xl.cfg, as a module
 */

#include "policyd/ctl/xl/xl.h"

extern const XlModule xenvgpu_xl;

__attribute__((visibility("default"))) const XlModule xenvgpu_xl = {.read = xl_config_read, .write = xl_config_write};
