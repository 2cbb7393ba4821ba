# SPDX-License-Identifier: Apache-2.0
# flags.cmake - pi0_warnings and pi0_flags: how everything in the tree is compiled.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(pi0_warnings INTERFACE)
target_compile_options(pi0_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
    $<$<BOOL:${PI0_WERROR}>:-Werror>)

# -ffp-contract=off: a product and a sum are rounded as they are written, on every machine;
# -UNDEBUG: asserts stay on, whatever the build type says; a project around this one that has no
# build type gets an optimised library all the same
add_library(pi0_flags INTERFACE)
target_link_libraries(pi0_flags INTERFACE pi0_warnings)
target_compile_definitions(pi0_flags INTERFACE _DEFAULT_SOURCE)
target_include_directories(pi0_flags INTERFACE ${PROJECT_SOURCE_DIR}/include
                                               ${PROJECT_SOURCE_DIR}/src)
target_compile_options(pi0_flags INTERFACE
    -UNDEBUG -ffp-contract=off -fvisibility=hidden $<$<CONFIG:>:-O2>
    $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>)

# sanitizers go to everything, by options of their own: CMAKE_C_FLAGS stays the user's
if(PI0_FUZZ AND NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "pi0: PI0_FUZZ needs clang (libFuzzer); "
                        "configure with CC=clang CXX=clang++ or use the preset \"fuzz\"")
endif()
set(sanitizers ${PI0_SANITIZE})
if(PI0_FUZZ)
    list(APPEND sanitizers fuzzer-no-link)
endif()
if(sanitizers)
    string(REPLACE ";" "," sanitizers "${sanitizers}")
    # vptr would ask every C program for the C++ half of clang's runtime
    add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-sanitize=vptr
                        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${sanitizers})
endif()

# (threads that count at once may lose a count: what is asked is whether a line was reached)
if(PI0_COVERAGE)
    add_compile_options(-fprofile-arcs -ftest-coverage)
    add_link_options(--coverage)
endif()
