# page.cmake - FROM/page.html with page.css and page.js in it, as the C array of TO: serve_page and serve_page_size.
#
#   cmake -DFROM=src/cli/page -DTO=serve_page.c -P cmake/page.cmake
#
# @CSS@ and @JS@ in the page are replaced here; @THE_NONCE_OF_THIS_ANSWER@ the server replaces, for each answer.
foreach(part html css js)
    file(READ ${FROM}/page.${part} hex HEX)
    set(${part} ${hex})
endforeach()
# In hexadecimal, for CMake takes ; and [ in texts for its own.
string(REPLACE "4043535340" "${css}" html "${html}")
string(REPLACE "404a5340" "${js}" html "${html}")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${html}")
string(REGEX REPLACE "(0x0a,)" "\\1\n" bytes "${bytes}")
file(WRITE ${TO} "#include <stddef.h>\nextern const unsigned char serve_page[];\nextern const size_t serve_page_size;\nconst unsigned char serve_page[] = {\n${bytes}\n};\nconst size_t serve_page_size = sizeof serve_page;\n")
