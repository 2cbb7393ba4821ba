# SPDX-License-Identifier: Apache-2.0
# unit.cmake - the cmocka programs and the scripts that run the command

file(GLOB support CONFIGURE_DEPENDS support/*.c)
file(GLOB programs CONFIGURE_DEPENDS unit/test_*.c golden/test_*.c
     fault/test_*.c)
add_custom_target(pi0_thread_tests) # what ThreadSanitizer has to see

# the helpers, and all that a test is compiled and linked with
add_library(pi0_test_support STATIC ${support})
target_include_directories(pi0_test_support PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(pi0_test_support PUBLIC
                           PI0_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/golden")
if(PI0_SANITIZE)
    target_compile_definitions(pi0_test_support PUBLIC PI0_TEST_SANITIZED)
endif()
if(PI0_SANITIZE MATCHES "thread")
    target_compile_definitions(pi0_test_support PUBLIC PI0_TEST_THREADS)
endif()
target_link_libraries(pi0_test_support PUBLIC pi0_flags pi0_client_static pi0_wire pi0_static
                                              PkgConfig::PI0_WEBSOCKETS PkgConfig::PI0_CMOCKA
                                              PkgConfig::PI0_MSGPACK PkgConfig::PI0_JANSSON
                                              Threads::Threads m)

# pi0_wraps(RESULT source): a source that defines __wrap_malloc gets the library's calls of malloc,
# and so on, in the helpers whose headers it includes too
function(pi0_wraps result source)
    set(sources ${source})
    file(STRINGS ${source} helpers REGEX "^#include \"support/[a-z_]+\\.h\"")
    foreach(line IN LISTS helpers)
        string(REGEX REPLACE ".*\"support/([a-z_]+)\\.h\".*" "\\1" helper ${line})
        if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/support/${helper}.c)
            list(APPEND sources ${CMAKE_CURRENT_SOURCE_DIR}/support/${helper}.c)
        endif()
    endforeach()
    set(options)
    foreach(file IN LISTS sources)
        file(STRINGS ${file} lines REGEX "__wrap_[a-z_]+")
        string(REGEX MATCHALL "__wrap_[a-z_]+" names "${lines}")
        list(TRANSFORM names REPLACE "__wrap_" "LINKER:--wrap=" OUTPUT_VARIABLE names)
        list(APPEND options ${names})
    endforeach()
    list(REMOVE_DUPLICATES options)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
    set(${result} ${options} PARENT_SCOPE)
endfunction()

# the folder's name is the tier
function(pi0_tier_of result source)
    get_filename_component(folder ${source} DIRECTORY)
    get_filename_component(folder ${folder} NAME)
    set(${result} ${folder} PARENT_SCOPE)
endfunction()

# the tests of inner loops: with sanitizers, these see them (pi0_plain_loops)
set(watched cpu_[a-z]+|reference|stages|golden)
if(PI0_SANITIZE MATCHES "thread")
    string(APPEND watched "|session")
endif()

foreach(source IN LISTS programs)
    get_filename_component(name ${source} NAME_WE)
    pi0_tier_of(tier ${source})
    pi0_needs_tools(tools ${source})
    if(tools AND NOT TARGET pi0_tools)
        continue()
    endif()
    # without libzstd there is nothing of Orbax to test
    if(name MATCHES "orbax|ocdbt|zarr|convert" AND NOT PI0_ZSTD)
        continue()
    endif()
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE pi0_test_support)
    if(NOT name MATCHES "^test_(${watched})$")
        pi0_plain_loops(${name})
    endif()
    if(name MATCHES "ocdbt|zarr")
        target_link_libraries(${name} PRIVATE PkgConfig::PI0_ZSTD)
    endif()
    if(tools)
        target_link_libraries(${name} PRIVATE pi0_tools)
    endif()
    pi0_wraps(wraps ${source})
    target_link_options(${name} PRIVATE ${wraps})
    pi0_test(${name} ${name})
    # (but not whole inferences, which take many minutes there)
    file(STRINGS ${source} parser REGEX
         "^#include \"(data/|wire/|serve/(net|serve_)|observation_file|support/client_bench)")
    file(STRINGS ${source} network REGEX "^#include \"(support/network_case|serve/serve)\\.h\"")
    if(tier STREQUAL "unit" AND parser AND NOT network)
        pi0_memory_test(${name})
    endif()
    # what speaks of threads is run under ThreadSanitizer, unless it says why not, or repeats
    # everything for each allocation
    file(STRINGS ${source} threads REGEX "[Tt]hread")
    file(STRINGS ${source} not_there REGEX "not under ThreadSanitizer: ")
    if(threads AND NOT not_there AND NOT wraps)
        set_property(TEST ${name} APPEND PROPERTY LABELS threads)
        add_dependencies(pi0_thread_tests ${name})
    endif()
endforeach()

# clients of a server under load and under attack, on the public client library alone
file(GLOB load load/*.c)
list(FILTER load EXCLUDE REGEX "/traffic\\.c$")
foreach(source IN LISTS load)
    get_filename_component(name ${source} NAME_WE)
    add_executable(pi0_${name} ${source} load/traffic.c)
    target_compile_definitions(pi0_${name} PRIVATE _DEFAULT_SOURCE)
    target_link_libraries(pi0_${name} PRIVATE pi0_warnings pi0::client Threads::Threads m)
endforeach()

if(TARGET pi0)
    file(GLOB scripts CONFIGURE_DEPENDS command/test_*.sh emulated/test_*.sh)
    foreach(script IN LISTS scripts)
        get_filename_component(name ${script} NAME_WE)
        pi0_tier_of(tier ${script})
        string(REGEX REPLACE "^test_" "${tier}_" name ${name})
        # a sanitizer's shadow of all addresses is real memory where a processor is emulated
        if(tier STREQUAL "emulated" AND PI0_SANITIZE)
            continue()
        endif()
        # the page drops the other flow's plan when the arm has moved on, which a sanitizer's
        # reference flow is too slow for; test_demo_live has the server's side
        if(name MATCHES "pages" AND PI0_SANITIZE)
            continue()
        endif()
        pi0_test(${name} sh ${script})
        set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT
                     "PI0=$<TARGET_FILE:pi0>" "PI0_TEST_DATA=${CMAKE_CURRENT_SOURCE_DIR}/golden")
    endforeach()
endif()
