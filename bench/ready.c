/* Time to ready: from starting a program to its first 200 on /readyz, in milliseconds, asked for in
 * a tight loop. The program is stopped by SIGTERM afterwards.
 *
 *     ready PORT PROGRAM [ARGUMENT]… */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS_MAX 20000

extern char **environ;

static double read_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static bool is_ready(const struct sockaddr_in *to, const char *port)
{
    char text[256];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int len =
        snprintf(text, sizeof text,
                 "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n", port);
    bool is = fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof *to) == 0 &&
              send(fd, text, (size_t)len, MSG_NOSIGNAL) == len;
    ssize_t n = is ? recv(fd, text, sizeof text - 1, 0) : 0;
    if (fd >= 0)
        close(fd);
    return n > 12 && memcmp(text + 9, "200", 3) == 0;
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t files;
    struct timespec pause = {0, 100000};
    pid_t pid = 0;
    if (argc < 3)
        return 2;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)strtol(argv[1], NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    double began = read_ms();
    if (posix_spawn(&pid, argv[2], &files, NULL, argv + 2, environ) != 0)
        return 1;
    bool is = false;
    while (!is && read_ms() - began < WAIT_MS_MAX) {
        is = is_ready(&to, argv[1]);
        if (!is)
            nanosleep(&pause, NULL);
    }
    double took = read_ms() - began;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    if (is)
        printf("%.2f\n", took);
    return is ? 0 : 1;
}
