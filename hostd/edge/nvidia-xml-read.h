#pragma once

/*
 * vgpuConfig.xml, bytes in
 *
 * Depth and size are limited, no external entity is read, no entity of the document's own is expanded. One bad vgpuType or pgpu
 * element costs that element. -EBADMSG: the document is no XML up to where it breaks; what was read before stays in *ret.
 */

#include "hostd/core/nvidia-xml.h"

#define NVIDIA_XML_SIZE_MAX (4u << 20)
#define NVIDIA_XML_DEPTH_MAX 32

int nvidia_xml_read(const char *data, size_t size, const ProblemSink *problems, NvidiaXml *ret);
