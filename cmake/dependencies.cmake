# SPDX-License-Identifier: Apache-2.0
# dependencies.cmake - the libraries of the distribution; a missing one is an error that names its
# Debian package.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

function(pi0_missing what package)
    message(FATAL_ERROR "pi0: ${what} was not found.\n"
                        "On Debian and Ubuntu: apt-get install ${package}\n"
                        "(\"make setup\" installs all that is needed.)")
endfunction()

# pi0_dependency(NAME "debian package" module...): target PkgConfig::PI0_NAME of the first module
# found; a project around this one may have a PkgConfig::NAME
function(pi0_dependency suffix package)
    set(name PI0_${suffix})
    foreach(module IN LISTS ARGN)
        pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
        if(${name}_FOUND)
            # some distributions' msgpack-c.pc names "include" and "lib" with no folder in front
            foreach(property INTERFACE_INCLUDE_DIRECTORIES INTERFACE_LINK_DIRECTORIES)
                get_target_property(folders PkgConfig::${name} ${property})
                if(folders)
                    list(FILTER folders INCLUDE REGEX "^/")
                    set_target_properties(PkgConfig::${name} PROPERTIES ${property} "${folders}")
                endif()
            endforeach()
            return()
        endif()
    endforeach()
    list(JOIN ARGN " or " modules)
    pi0_missing("${modules} (by pkg-config)" "${package}")
endfunction()

pi0_dependency(JANSSON libjansson-dev jansson)
if(PI0_ZSTD)
    pi0_dependency(ZSTD libzstd-dev libzstd)
endif()
find_package(SentencePiece MODULE QUIET)
if(NOT SentencePiece_FOUND)
    pi0_missing(sentencepiece libsentencepiece-dev)
endif()

if(PI0_COMMAND OR PI0_FUZZ)
    pi0_dependency(PNG libpng-dev libpng)
    pi0_dependency(JPEG libjpeg-dev libjpeg)
endif()
if(PI0_COMMAND OR PI0_FUZZ OR PI0_CLIENT OR PI0_TESTS)
    pi0_dependency(WEBSOCKETS libwebsockets-dev libwebsockets)
    pi0_dependency(MSGPACK "libmsgpack-dev (or libmsgpack-c-dev)" msgpack-c msgpack)
endif()
if(PI0_TESTS)
    pi0_dependency(CMOCKA libcmocka-dev cmocka)
endif()
if(PI0_ONEDNN)
    find_package(OpenMP REQUIRED COMPONENTS C) # oneDNN's threads
    # not through its CMake package: Debian's asks for OpenCL, which nothing here needs
    find_library(PI0_DNNL_LIBRARY dnnl)
    find_path(PI0_DNNL_INCLUDE oneapi/dnnl/dnnl.h)
    if(NOT PI0_DNNL_LIBRARY OR NOT PI0_DNNL_INCLUDE)
        pi0_missing(oneDNN libdnnl-dev)
    endif()
    add_library(DNNL::dnnl UNKNOWN IMPORTED)
    set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION "${PI0_DNNL_LIBRARY}"
                          INTERFACE_INCLUDE_DIRECTORIES "${PI0_DNNL_INCLUDE}")
endif()
