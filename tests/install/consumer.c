/* SPDX-License-Identifier: Apache-2.0 */
/* consumer.c - the smallest user of an installed libpi0. */
#include <pi0.h>
#include <stdio.h>

int main(void)
{
    pi0_model *model = NULL;
    pi0_error err;
    if (pi0_load(&model, "no such folder", NULL, &err) != PI0_EIO) return 1;
    puts(pi0_version());
    return 0;
}
