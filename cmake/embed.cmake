# SPDX-License-Identifier: Apache-2.0
# embed.cmake - a web page as a C array. Run as a script:
#   cmake -DPAGE=page.html -DNAME=pi0_page_name -DOUT=page.c -P embed.cmake
# What the page takes from files beside it, by <link rel="stylesheet" href="FILE"> and
# <script src="FILE"></script>, is put into it: what comes out needs nothing else.

get_filename_component(folder ${PAGE} DIRECTORY)
file(READ ${PAGE} page)
string(REGEX MATCHALL "<link rel=\"stylesheet\" href=\"[a-z_.]+\">" links "${page}")
foreach(link IN LISTS links)
    string(REGEX REPLACE ".*href=\"([a-z_.]+)\".*" "\\1" name "${link}")
    file(READ ${folder}/${name} text)
    string(REPLACE "${link}" "<style>\n${text}</style>" page "${page}")
endforeach()
string(REGEX MATCHALL "<script src=\"[a-z_.]+\"></script>" scripts "${page}")
foreach(script IN LISTS scripts)
    string(REGEX REPLACE ".*src=\"([a-z_.]+)\".*" "\\1" name "${script}")
    file(READ ${folder}/${name} text)
    string(REPLACE "${script}" "<script>\n${text}</script>" page "${page}")
endforeach()

# by its bytes: no character of it can be taken for C
file(WRITE ${OUT}.html "${page}")
file(READ ${OUT}.html bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT}
    "/* SPDX-License-Identifier: Apache-2.0 */\n/* made by cmake/embed.cmake from ${NAME} */\n"
    "#include \"pages.h\"\n\nconst unsigned char ${NAME}[] = {\n${bytes}0\n};\n"
    "const size_t ${NAME}_size = sizeof ${NAME} - 1;\n")
file(REMOVE ${OUT}.html)
