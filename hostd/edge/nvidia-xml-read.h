#pragma once

/*
 * vgpuConfig.xml, bytes in
 *
 * Depth and size are limited, no external entity is read, and reading stops at a document that declares
 * entities of its own. One bad vgpuType, pgpu or supportedVgpu element costs that element; if the document is
 * malformed, the elements before that point count. A vgpuType without multiVgpuSupported does not support
 * several; every other element and attribute that we use is required.
 */

#include "hostd/core/nvidia-xml.h"

#define NVIDIA_XML_SIZE_MAX (4u << 20)
#define NVIDIA_XML_DEPTH_MAX 32
#define NVIDIA_XML_ELEMENTS_MAX 8192 /* vgpuTypes, pgpus and supportedVgpus together */

/* -ENOMEM only; all other errors are passed to the sink. */
int nvidia_xml_read(const char *data, size_t size, const ProblemSink *problems, NvidiaXml *ret);
