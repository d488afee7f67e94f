# Writes the exceptions of the Python module from the error words of protocol/errors.h.
# Usage: cmake -DHEADER=errors.h -DOUT=errors.py -P errors.cmake
file(READ ${HEADER} text)
string(REPLACE ";" "," text "${text}") # a ";" divides lists
set(classes "")
string(REGEX MATCHALL "E(_AS)?\\([A-Z_]+, \"[A-Za-z]+\"[^)]*\"\\)" rows "${text}")
foreach(row IN LISTS rows)
  string(REGEX REPLACE "^E(_AS)?\\([A-Z_]+, \"([A-Za-z]+)\".*\"([^\"]*)\"\\)$" "\\2;\\3" parts "${row}")
  list(GET parts 0 word)
  list(GET parts 1 meaning)
  string(APPEND classes "\n\nclass ${word}(Refusal):\n    \"\"\"${meaning}\"\"\"\n")
endforeach()
configure_file(${CMAKE_CURRENT_LIST_DIR}/errors.py.in ${OUT} @ONLY)
