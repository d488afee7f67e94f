# Writes OUT, a C file that holds each of XMLS (a list separated by "|") as a string, for protocol/xml.h.

string(REPLACE "|" ";" xmls "${XMLS}")
set(rows "")
foreach(xml IN LISTS xmls)
  get_filename_component(interface ${xml} NAME)
  string(REGEX REPLACE "\\.xml$" "" interface ${interface})
  file(READ ${xml} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n          \"" text "${text}")
  string(APPEND rows "        { \"${interface}\",\n          \"${text}\" },\n")
endforeach()
file(WRITE ${OUT} "/* The interface documents of protocol/ as strings; written by protocol/xml-to-c.cmake. */

#include <stddef.h>

#include \"protocol/xml.h\"

const InterfaceXml interface_xml[] = {
${rows}        { NULL, NULL },
};
")
