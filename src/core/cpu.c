/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.c - which instruction sets and how many cores there are. The only file outside the kernels
 * that knows the kind of processor. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // sched_getaffinity and its sets
#endif
#include "core/cpu.h"
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const isa_name[CPU_ISA_COUNT] = { "c", "avx2", "avx512", "avx512bf16" };

const char *pi0_cpu_isa_name(cpu_isa isa)
{
    return isa_name[isa];
}

/* ---- instruction sets ---- */

#if defined(__x86_64__)
#include <cpuid.h>

// the register sets that the operating system saves and restores
static unsigned os_state(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool all_of(unsigned bits, unsigned wanted)
{
    return (bits & wanted) == wanted;
}

static cpu_isa best_isa(void)
{
    unsigned a, b, c, d;
    // AVX2 with its companions, and an operating system that keeps the upper halves (ymm)
    if (!__get_cpuid(1, &a, &b, &c, &d)) return CPU_C;
    if (!all_of(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C)) return CPU_C;
    const unsigned os = os_state();
    if (!all_of(os, 0x6) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return CPU_C;
    if (!all_of(b, bit_AVX2)) return CPU_C;
    // AVX-512 as all processors since Skylake-X have it; the system keeps k, zmm and zmm16-31
    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
    if (!all_of(b, avx512) || !all_of(os, 0xe6)) return CPU_AVX2;
    // leaf 7.1: products of bf16 pairs
    if (a < 1 || !__get_cpuid_count(7, 1, &a, &b, &c, &d)) return CPU_AVX512;
    return a & 1u << 5 ? CPU_AVX512BF16 : CPU_AVX512;
}
#else
static cpu_isa best_isa(void)
{
    return CPU_C;
}
#endif

int pi0_cpu_isa(cpu_isa *isa, const char *mask, pi0_error *err)
{
    const cpu_isa best = best_isa();
    if (!mask) {
        *isa = best;
        return PI0_OK;
    }
    int i = 0;
    while (i < CPU_ISA_COUNT && strcmp(mask, isa_name[i]) != 0) i++;
    if (i == CPU_ISA_COUNT)
        return pi0_fail(err, PI0_EINVAL,
                        "instruction set: '%s' is unknown, expected c, avx2, avx512 or avx512bf16",
                        mask);
    if (i > (int)best)
        return pi0_fail(err, PI0_EDEVICE,
                        "instruction set: %s was asked for, this machine has %s at most", mask,
                        isa_name[best]);
    *isa = (cpu_isa)i;
    return PI0_OK;
}

/* ---- cores ---- */

#define MAX_PROCESSORS CPU_SETSIZE

// a number from /sys/devices/system/cpu/cpu<processor>/topology/<name>; -1: not there
static int topology(int processor, const char *name)
{
    char path[128], text[32];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", processor, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return -1;
    text[n] = 0;
    return (int)strtol(text, NULL, 10);
}

int pi0_cpu_processors(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int pi0_cpu_cores(void)
{
    cpu_set_t set;
    struct {
        int package, core;
    } seen[MAX_PROCESSORS];
    int n = 0;
    if (sched_getaffinity(0, sizeof set, &set)) return pi0_cpu_processors();
    for (int i = 0; i < MAX_PROCESSORS; i++) {
        if (!CPU_ISSET(i, &set)) continue;
        const int package = topology(i, "physical_package_id"), core = topology(i, "core_id");
        // a container without /sys: count processors
        if (package < 0 || core < 0) return pi0_cpu_processors();
        int j = 0;
        while (j < n && (seen[j].package != package || seen[j].core != core)) j++;
        if (j < n) continue;
        seen[n].package = package;
        seen[n++].core = core;
    }
    return n ? n : pi0_cpu_processors();
}
