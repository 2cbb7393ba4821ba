# SPDX-License-Identifier: Apache-2.0
# examples.cmake - each example is run, on the small policy of the tree, and what it prints looked
# at; then each is built alone, by the commands in its head, against an installed library.

set(examples ${CMAKE_CURRENT_SOURCE_DIR}/examples)
set(tier examples)

# pi0_example_test(name command...): in the source tree, where demo/place is
function(pi0_example_test name)
    pi0_test(example_${name} ${ARGN})
    set_tests_properties(example_${name} PROPERTIES WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_property(TEST example_${name} APPEND PROPERTY ENVIRONMENT
                 "PI0_TEST_DATA=${CMAKE_CURRENT_SOURCE_DIR}/golden")
    if(TARGET pi0)
        set_property(TEST example_${name} APPEND PROPERTY ENVIRONMENT "PI0=$<TARGET_FILE:pi0>")
    endif()
endfunction()

# the block lies at 0.27 0.36: the hand goes there, then the gripper closes
pi0_example_test(infer sh ${examples}/expect_output.sh "^row  6: hand to 0\\.2[4-9] 0\\.3[4-9],"
                 "^row  9: .*gripper \\(0\\.[5-9]\\|1\\.\\)" -- $<TARGET_FILE:example_infer> demo/place)

# a robot's driver: its splice, then all of it; ThreadSanitizer sees it as well
add_executable(test_splice examples/test_splice.c ${PROJECT_SOURCE_DIR}/examples/robot_loop/splice.c)
target_include_directories(test_splice PRIVATE ${PROJECT_SOURCE_DIR}/examples)
target_link_libraries(test_splice PRIVATE pi0_test_support)
pi0_test(test_splice test_splice)
set(seconds 2)
if(PI0_SANITIZE)
    set(seconds 8) # so that more than one chunk comes
endif()
pi0_example_test(robot_loop sh ${examples}/robot_loop.sh $<TARGET_FILE:example_robot_loop>
                 ${seconds})
set_property(TEST example_robot_loop APPEND PROPERTY LABELS threads)
add_dependencies(pi0_thread_tests example_robot_loop)
# and once more with an allocator that counts (a sanitizer has its own)
if(NOT PI0_SANITIZE)
    get_target_property(parts example_robot_loop SOURCES)
    add_executable(test_loop_alloc ${parts} examples/loop_alloc.c)
    get_target_property(folders example_robot_loop INCLUDE_DIRECTORIES)
    target_include_directories(test_loop_alloc PRIVATE ${folders})
    set_target_properties(test_loop_alloc PROPERTIES C_EXTENSIONS ON)
    target_link_options(test_loop_alloc PRIVATE LINKER:--wrap=clock_nanosleep)
    target_link_libraries(test_loop_alloc PRIVATE pi0_warnings pi0::pi0 Threads::Threads m)
    pi0_example_test(loop_alloc sh ${examples}/expect_output.sh "^0 allocations in [0-9][0-9]" --
                     $<TARGET_FILE:test_loop_alloc> -t 1 demo/place)
endif()

if(TARGET pi0 AND TARGET example_ask_server)
    pi0_example_test(ask_server sh ${examples}/ask_server.sh $<TARGET_FILE:example_ask_server>)
endif()

# from C++
pi0_example_test(act sh ${examples}/expect_output.sh "^camera observation.images.top"
                 "^row 2: 0\\.[0-9]* 0\\.[0-9]* " "^16 rows in " "^PI0_EINVAL: no picture" --
                 $<TARGET_FILE:example_act> demo/place)
add_executable(test_wrapper examples/test_wrapper.cc)
target_include_directories(test_wrapper PRIVATE ${PROJECT_SOURCE_DIR}/examples)
target_link_libraries(test_wrapper PRIVATE pi0_warnings pi0::pi0 Threads::Threads)
pi0_example_test(wrapper $<TARGET_FILE:test_wrapper> demo/place)
set_property(TEST example_wrapper APPEND PROPERTY LABELS threads)
add_dependencies(pi0_thread_tests test_wrapper)

# against an installed library: each built alone; one project around it, in each way that there is
if(PI0_INSTALL AND TARGET pi0 AND TARGET pi0::client AND NOT PI0_SANITIZE)
    pi0_example_test(build_alone sh ${examples}/build_alone.sh ${PROJECT_BINARY_DIR}
                     ${CMAKE_INSTALL_LIBDIR} ${CMAKE_COMMAND} ${CMAKE_C_COMPILER}
                     ${CMAKE_CXX_COMPILER})
    pi0_example_test(embed sh ${examples}/embed.sh ${PROJECT_BINARY_DIR} ${CMAKE_INSTALL_LIBDIR}
                     ${CMAKE_COMMAND} ${CMAKE_GENERATOR} ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER})
    set_property(TEST example_embed APPEND PROPERTY LABELS once)
endif()

# from Python. (A library with sanitizers cannot be loaded into a program without.)
if(TARGET pi0 AND NOT PI0_SANITIZE)
    pi0_example_test(python sh ${examples}/python.sh $<TARGET_FILE:pi0_shared> ${CMAKE_C_COMPILER})
    set_property(TEST example_python APPEND PROPERTY LABELS once)
    # both make the same virtual environment
    set_tests_properties(example_python command_openpi_client PROPERTIES RESOURCE_LOCK openpi_venv)
endif()
