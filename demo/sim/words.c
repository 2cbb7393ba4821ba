/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - the sentences that the policies know, and which block one is about. */
#include "sim.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const names[SIM_BLOCKS] = { "red", "green", "blue" };

const char *sim_colour_name(sim_colour colour)
{
    return names[colour];
}

const char *sim_prompt(char *text, size_t size, sim_task task, sim_colour colour)
{
    const char *const form =
        task == SIM_TASK_REACH ? "reach the %s block" : "put the %s block in the bowl";
    snprintf(text, size, form, names[colour]);
    return text;
}

bool sim_named_colour(const char *sentence, sim_colour *colour)
{
    int found = 0;
    for (const char *at = sentence; *at;) {
        // the next word
        size_t n = 0;
        while (isalpha((unsigned char)at[n])) n++;
        for (int c = 0; c < SIM_BLOCKS; c++)
            if (n == strlen(names[c]) && !strncasecmp(at, names[c], n)) {
                found |= 1 << c;
                *colour = (sim_colour)c;
            }
        at += n ? n : 1;
    }
    // one bit alone
    return found && !(found & (found - 1));
}
