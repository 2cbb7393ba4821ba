# SPDX-License-Identifier: Apache-2.0
# pages.cmake - the list of tools/web's pages, and the C files made from them.

# pi0_page(target name): tools/web/name.html as pi0_page_name in the target
function(pi0_page target name)
    set(web ${PROJECT_SOURCE_DIR}/tools/web)
    set(out ${PROJECT_BINARY_DIR}/pages/page_${name}.c)
    file(GLOB parts CONFIGURE_DEPENDS ${web}/*)
    add_custom_command(
        OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -DPAGE=${web}/${name}.html -DNAME=pi0_page_${name} -DOUT=${out}
                -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${parts} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        COMMENT "page ${name}.html")
    target_sources(${target} PRIVATE ${out})
endfunction()
