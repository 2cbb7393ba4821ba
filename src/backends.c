/* SPDX-License-Identifier: Apache-2.0 */
/* backends.c - the list of backends. One more is one more line here. */
#include "backends.h"
#include "cpu/cpu_ops.h"
#include "reference/reference.h"

// opt->precision as a type; "auto" is what the backend prefers
static int precision_of(dtype *type, const char *word, dtype preferred, pi0_error *err)
{
    if (!word || !strcmp(word, "auto"))
        *type = preferred;
    else if (!strcmp(word, "f32"))
        *type = DTYPE_F32;
    else if (!strcmp(word, "bf16"))
        *type = DTYPE_BF16;
    else
        return pi0_fail(err, PI0_EINVAL, "precision \"%s\" is not known: auto, bf16 or f32", word);
    return PI0_OK;
}

static int choose_reference(backend_choice *choice, const pi0_options *opt, pi0_error *err)
{
    dtype type = DTYPE_F32;
    const int status = precision_of(&type, opt->precision, DTYPE_F32, err);
    if (status) return status;
    if (type != DTYPE_F32)
        return pi0_fail(err, PI0_EDEVICE,
                        "the reference backend computes in f32 only, not in %s: leave precision at "
                        "auto, or take the cpu backend",
                        opt->precision);
    *choice = (backend_choice){ { .ops = &pi0_reference_ops, .gemm_type = DTYPE_F32 }, "c", "f32" };
    return PI0_OK;
}

// the best instruction set that is allowed; an explicit mask that this machine lacks is an error
static int choose_cpu(backend_choice *choice, const pi0_options *opt, pi0_error *err)
{
    dtype type = DTYPE_BF16;
    cpu_isa isa = CPU_C;
    int status = precision_of(&type, opt->precision, DTYPE_BF16, err);
    if (!status) status = pi0_cpu_isa(&isa, opt->cpu_mask, err);
    if (status) return status;
    pi0_cpu_backend(&choice->b, isa, type);
    choice->isa = pi0_cpu_isa_name(isa);
    choice->precision = type == DTYPE_BF16 ? "bf16" : "f32";
    return PI0_OK;
}

static const struct {
    const char *name;
    int (*choose)(backend_choice *choice, const pi0_options *opt, pi0_error *err);
} backends[] = {
    // the first is what "auto" takes
    { "cpu", choose_cpu },
    { "reference", choose_reference },
};
enum { N_BACKENDS = sizeof backends / sizeof *backends };

int pi0_backend_choose(backend_choice *choice, const pi0_options *opt, pi0_error *err)
{
    const char *word = opt->backend ? opt->backend : "auto";
    if (!strcmp(word, "auto")) return backends[0].choose(choice, opt, err);
    for (int i = 0; i < N_BACKENDS; i++)
        if (!strcmp(word, backends[i].name)) return backends[i].choose(choice, opt, err);
    return pi0_fail(err, PI0_EINVAL, "backend \"%s\" is not known: auto, cpu or reference", word);
}
