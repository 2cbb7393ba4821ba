/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - many clients at once: URL PID CLIENTS REQUESTS [CAMERAS [LIMIT_MIB]]
 *
 * PID is the server's. Status 0: no reply was lost, none mixed up, and the server's memory at the
 * end is within LIMIT_MIB (0: not judged) of what it was when a tenth of the requests was done. */
#include "traffic.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MIB (1024.0 * 1024.0)

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s URL PID CLIENTS REQUESTS [CAMERAS [LIMIT_MIB]]\n", argv[0]);
        return 2;
    }
    const int pid = atoi(argv[2]);
    traffic t = { .url = argv[1],
                  .clients = atoi(argv[3]),
                  .requests = atoi(argv[4]),
                  .steps = 1,
                  .cameras = argc > 5 ? atoi(argv[5]) : TRAFFIC_CAMERAS };
    const double limit = argc > 6 ? atof(argv[6]) : 0;
    if (t.clients < 1 || t.requests < 1 || t.cameras < 1 || t.cameras > TRAFFIC_CAMERAS ||
        !traffic_prepare(&t))
        return 1;
    const double begin = traffic_now();
    if (!traffic_start(&t)) return 1;

    // warm when each client has had a tenth of its replies
    const int all = t.clients * t.requests;
    while (traffic_done(&t) < all / 10) pause_ms(10);
    const long warm = traffic_memory(pid);
    traffic_wait(&t);
    const long last = traffic_memory(pid);
    const double seconds = traffic_now() - begin;
    const bool good = traffic_report(&t);
    traffic_free(&t);
    const double growth = (double)(last - warm) / MIB;
    printf("%.1f s, %.1f replies a second\n", seconds, all / seconds);
    printf("resident memory of the server: %.1f MiB when warm, %.1f at the end (%+.1f)\n",
           (double)warm / MIB, (double)last / MIB, growth);
    if (limit > 0 && (growth > limit || growth < -limit || !last)) {
        printf("that is more than %.1f MiB\n", limit);
        return 1;
    }
    return good ? 0 : 1;
}
