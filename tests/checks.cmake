# SPDX-License-Identifier: Apache-2.0
# checks.cmake - tests of the tree and of what was built, rather than of what it computes. Each
# script in checks/ says how many things it looked at, and fails when there were none.

set(checks ${CMAKE_CURRENT_SOURCE_DIR}/checks)
set(root ${PROJECT_SOURCE_DIR})
set(tier tree)

# ---- the public headers, alone, in both languages -------------------------------------------
set(strict -Wall -Wextra -Wpedantic -pedantic-errors -Werror -I${root}/include -c -o)
foreach(header header header_client)
    pi0_test(${header}_c99 ${CMAKE_C_COMPILER} -std=c99 ${strict} ${header}_c99.o
             ${CMAKE_CURRENT_SOURCE_DIR}/headers/${header}.c)
    pi0_test(${header}_cxx17 ${CMAKE_CXX_COMPILER} -std=c++17 ${strict} ${header}_cxx17.o -x c++
             ${CMAKE_CURRENT_SOURCE_DIR}/headers/${header}.c)
endforeach()

# ---- the tree ------------------------------------------------------------------------------
list(JOIN PI0_AVX2_FLAGS " " avx2)
list(JOIN PI0_AVX512_FLAGS " " avx512)
list(JOIN PI0_AVX512BF16_FLAGS " " avx512bf16)
pi0_test(check_headers sh ${checks}/headers.sh ${root} ${CMAKE_C_COMPILER}
         "${avx2}" "${avx512}" "${avx512bf16}")
pi0_test(check_includes sh ${checks}/includes.sh ${root})
pi0_test(check_layers sh ${checks}/layers.sh ${root})
pi0_test(check_licence sh ${checks}/licence.sh ${root})
pi0_test(check_map sh ${checks}/map.sh ${root})
pi0_test(check_messages sh ${checks}/messages.sh ${root})
pi0_test(check_reference sh ${checks}/reference.sh ${root})
pi0_test(check_sizes sh ${checks}/sizes.sh ${root})
pi0_test(check_mutants sh ${root}/scripts/mutants.sh --check ${PROJECT_BINARY_DIR})
pi0_test(check_mutants_script sh ${checks}/mutants.sh ${root})
pi0_test(check_tiers sh ${checks}/tiers.sh ${root})
if(TARGET pi0)
    pi0_test(check_docs sh ${checks}/docs.sh ${root} $<TARGET_FILE:pi0> ${CMAKE_C_COMPILER})
endif()
# what no compiler can change: all of the above but the headers
get_property(scripts DIRECTORY PROPERTY TESTS)
list(FILTER scripts INCLUDE REGEX "^check_")
set_property(TEST ${scripts} APPEND PROPERTY LABELS once)

# ---- what was built ------------------------------------------------------------------------
pi0_test(check_exports sh ${checks}/exports.sh ${root}/include/pi0.h $<TARGET_FILE:pi0_shared>)
if(TARGET pi0_client_shared)
    pi0_test(check_exports_client sh ${checks}/exports.sh ${root}/include/pi0_client.h
             $<TARGET_FILE:pi0_client_shared>)
endif()
# sanitizers and counters add data, symbols and code of their own
if(NOT PI0_SANITIZE AND NOT PI0_COVERAGE)
    pi0_test(check_library sh ${checks}/library.sh $<TARGET_FILE:pi0_static>)
    if(TARGET pi0_client_static)
        pi0_test(check_library_client sh ${checks}/library.sh $<TARGET_FILE:pi0_client_static>)
    endif()
    if(PI0_X86_64)
        pi0_test(check_vectors sh ${checks}/vectors.sh $<TARGET_FILE:pi0_static>)
    endif()
    if(PI0_INSTALL AND PI0_CLIENT AND TARGET pi0)
        set(tier install)
        pi0_test(install sh ${CMAKE_CURRENT_SOURCE_DIR}/install/install.sh
                 ${PROJECT_BINARY_DIR} ${CMAKE_INSTALL_LIBDIR} ${CMAKE_COMMAND}
                 ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER})
        # the packages have a build of their own, in the build's folder
        pi0_test(packages sh ${CMAKE_CURRENT_SOURCE_DIR}/install/packages.sh ${root}
                 ${PROJECT_BINARY_DIR}/package ${CMAKE_COMMAND} ${CMAKE_C_COMPILER}
                 ${CMAKE_CXX_COMPILER})
        pi0_test(packages_fresh sh ${CMAKE_CURRENT_SOURCE_DIR}/install/fresh.sh
                 ${PROJECT_BINARY_DIR}/package)
        set_tests_properties(packages PROPERTIES FIXTURES_SETUP packages)
        set_tests_properties(packages_fresh PROPERTIES FIXTURES_REQUIRED packages)
        set_property(TEST packages packages_fresh APPEND PROPERTY LABELS once)
    endif()
endif()
