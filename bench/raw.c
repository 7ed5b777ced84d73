/* The raw append that rates are compared with: the same bytes, written to a plain file and synced
 * as often. Prints the seconds it took, and the median and 99th percentile of one sync.
 *
 *     raw FILE BYTES SYNCS */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double read_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    size_t bytes = strtoul(argv[2], NULL, 10), syncs = strtoul(argv[3], NULL, 10);
    size_t piece = syncs > 0 ? (bytes + syncs - 1) / syncs : bytes;
    char *text = malloc(piece + 1);
    double *took = calloc(syncs + 1, sizeof *took);
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (text == NULL || took == NULL || fd < 0)
        return 1;
    memset(text, 'x', piece);
    double began = read_seconds(), last = began;
    for (size_t i = 0; i < syncs; i++) {
        if (write(fd, text, piece) != (ssize_t)piece || fdatasync(fd) != 0)
            return 1;
        double now = read_seconds();
        took[i] = now - last;
        last = now;
    }
    qsort(took, syncs, sizeof *took, compare);
    printf("{\"seconds\":%.6f,\"sync_ms_p50\":%.3f,\"sync_ms_p99\":%.3f}\n", last - began,
           took[syncs / 2] * 1e3, took[syncs * 99 / 100] * 1e3);
    close(fd);
    unlink(argv[1]);
    free(text);
    free(took);
    return 0;
}
