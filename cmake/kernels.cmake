# SPDX-License-Identifier: Apache-2.0
# kernels.cmake - the flags of src/cpu/kern_*.c: each instruction set is compiled for itself, and
# what runs is chosen at run time. They are options of the source file, so that no CMAKE_C_FLAGS
# can drop them. Other processors than x86 compile these files without flags, to nothing.

# Unrolled as they are, they take minutes to compile with sanitizers and -O3, and with clang's
# sanitizers at any level: there they go without, and gcc's build is the one that watches them.
if(PI0_FUZZ OR (PI0_SANITIZE AND CMAKE_C_COMPILER_ID MATCHES "Clang"))
    set(PI0_KERNEL_FLAGS -O1 -fno-sanitize=all)
elseif(PI0_SANITIZE MATCHES "address|undefined")
    set(PI0_KERNEL_FLAGS -O1)
elseif(CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(PI0_KERNEL_FLAGS "")
else()
    # a loop of a few lines that begins in the middle of one is 5 % slower in some processes, those
    # that are loaded at addresses at which its branches are badly foreseen
    set(PI0_KERNEL_FLAGS -O3 -falign-loops=64)
endif()
if(PI0_COVERAGE)
    # they are one text for each instruction set, and would take many times as long
    list(APPEND PI0_KERNEL_FLAGS -fno-profile-arcs -fno-test-coverage)
endif()
list(APPEND PI0_KERNEL_FLAGS -ffp-contract=off)
# where variables are in registers, with unrolled loops, takes gcc as long to note as all the rest
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND PI0_KERNEL_FLAGS -fno-var-tracking)
endif()
set(PI0_AVX2_FLAGS "")
set(PI0_AVX512_FLAGS "")
set(PI0_AVX512BF16_FLAGS "")
set(PI0_X86_64 OFF)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(PI0_X86_64 ON)
    set(PI0_AVX2_FLAGS -mavx2 -mfma -mf16c)
    set(PI0_AVX512_FLAGS -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c)
    set(PI0_AVX512BF16_FLAGS ${PI0_AVX512_FLAGS} -mavx512bf16)
endif()

# pi0_kernel_flags(source...): sets COMPILE_OPTIONS of the kernel files among the sources
function(pi0_kernel_flags)
    foreach(source IN LISTS ARGN)
        if(NOT source MATCHES "/src/cpu/kern_[a-z0-9_]*\\.c$")
            continue()
        endif()
        set(flags ${PI0_KERNEL_FLAGS})
        if(source MATCHES "_avx2\\.c$")
            list(APPEND flags ${PI0_AVX2_FLAGS})
        elseif(source MATCHES "_avx512\\.c$")
            list(APPEND flags ${PI0_AVX512_FLAGS})
        elseif(source MATCHES "_avx512bf16\\.c$")
            list(APPEND flags ${PI0_AVX512BF16_FLAGS})
        endif()
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${flags}")
    endforeach()
endfunction()

# pi0_plain_loops(target): with AddressSanitizer or ThreadSanitizer, which make the loops of kernels and of
# the reference flow twenty times slower, a program that runs whole inferences gets those of the target
# pi0_plain_loops, without them; tests of these loops have the library's. (Objects come before libraries:
# of these, the linker then takes none that define the same.)
function(pi0_plain_loops target)
    if(TARGET pi0_plain_loops)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:pi0_plain_loops>)
    endif()
endfunction()
