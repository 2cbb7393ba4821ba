#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# vectors.sh ARCHIVE - x86-64: wide registers are used in the kernel files of their instruction set
# and nowhere else, so that a processor without them never meets one.
LC_ALL=C objdump -d --no-show-raw-insn "$1" | awk '
    # "kern_gemm_avx2.c.o:     file format elf64-x86-64"
    /file format/ {
        object = $1
        kind = "plain"
        if (object ~ /^kern_.*avx512bf16\.c/) kind = "avx512bf16"
        else if (object ~ /^kern_.*avx512\.c/) kind = "avx512"
        else if (object ~ /^kern_.*avx2\.c/) kind = "avx2"
        files[kind]++
        next
    }
    /%zmm/ { zmm[kind]++; if (kind == "plain" || kind == "avx2") wrong[object " uses zmm"]++ }
    /%ymm|\tv[a-z0-9]+ / { ymm[kind]++; if (kind == "plain") wrong[object " uses AVX"]++ }
    /\tvdpbf16ps|\tvcvtne/ { bf16[kind]++; if (kind != "avx512bf16") wrong[object " uses AVX-512 BF16"]++ }
    END {
        for (w in wrong) { print w ": " wrong[w] " instructions"; bad++ }
        for (k in files) printf "%s: %d files, %d zmm, %d ymm or AVX, %d bf16\n", k, files[k],
                                zmm[k], ymm[k], bf16[k]
        # flags that got lost would leave a kernel file without its instructions
        if (!files["plain"] || !ymm["avx2"] || !zmm["avx512"] || !bf16["avx512bf16"]) {
            print "no files, or no instructions, of a kind were found"
            bad++
        }
        exit bad > 0
    }'
