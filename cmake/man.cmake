# SPDX-License-Identifier: Apache-2.0
# man.cmake - manual pages, by the command itself: pi0(1), and one for each subcommand. As a script:
#   cmake -DPI0=build/pi0 [-DEMULATOR=qemu-aarch64] -DOUT=build/man -P man.cmake

function(write_page name)
    execute_process(COMMAND ${EMULATOR} ${PI0} ${ARGN} --help=man
                    OUTPUT_FILE ${OUT}/${name}.1 COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${OUT})
file(MAKE_DIRECTORY ${OUT})
write_page(pi0)
execute_process(COMMAND ${EMULATOR} ${PI0} --help=options OUTPUT_VARIABLE table
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "command\t[a-z]+" commands "${table}")
foreach(command IN LISTS commands)
    string(REPLACE "command\t" "" command ${command})
    write_page(pi0-${command} ${command})
endforeach()
