/* SPDX-License-Identifier: Apache-2.0 */
/* consumer_client.c - the smallest user of an installed libpi0_client; prints what it was given to
 * print. */
#include <pi0_client.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    pi0_client *client = NULL;
    pi0_error err;
    if (pi0_client_connect(&client, "http://nowhere", NULL, &err) != PI0_EINVAL) return 1;
    puts(argc > 1 ? argv[1] : "");
    return 0;
}
