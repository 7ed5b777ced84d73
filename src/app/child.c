/* Runs one process for one message. Before it stands cmd_worker.c, after it /bin/sh. It must never
 * wait for the process, nor hold it up: what it says is read as it comes. */
#include "app/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES 16384

/* --- starting --- */

/* A file without a name that holds the input: nobody has to feed it while the process runs. */
static int make_input(struct slice input)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t written = 0;
    while (fd >= 0 && written < input.len) {
        ssize_t len = write(fd, input.at + written, input.len - written);
        if (len < 0) {
            close(fd);
            return -1;
        }
        written += (size_t)len;
    }
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static void become(const char *command, const int fds[3], char *const *env)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)setpgid(0, 0);
    for (int i = 0; i < 3; i++) {
        if (dup2(fds[i], i) < 0)
            _exit(126);
    }
    for (; *env != NULL; env++)
        (void)putenv(*env);
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static bool make_pipes(int out[2], int err[2])
{
    if (pipe2(out, O_CLOEXEC) != 0)
        return false;
    if (pipe2(err, O_CLOEXEC) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0 &&
        fcntl(err[0], F_SETFL, O_NONBLOCK) == 0)
        return true;
    close(out[0]);
    close(out[1]);
    return false;
}

enum err child_start(struct child *c, const char *command, struct slice input, char *const *env,
                     size_t out_bytes_max)
{
    int out[2], err[2];
    *c = (struct child){.out_fd = -1, .err_fd = -1, .out_bytes_max = out_bytes_max};
    c->out = malloc(out_bytes_max);
    int in = c->out != NULL ? make_input(input) : -1;
    if (in < 0 || !make_pipes(out, err)) {
        if (in >= 0)
            close(in);
        child_free(c);
        return ERR_IO;
    }
    c->pid = fork();
    if (c->pid == 0)
        become(command, (int[]){in, out[1], err[1]}, env);
    int why = errno;
    close(in);
    close(out[1]);
    close(err[1]);
    c->out_fd = out[0];
    c->err_fd = err[0];
    if (c->pid > 0) {
        (void)setpgid(c->pid, c->pid);
        return ERR_NONE;
    }
    child_free(c);
    errno = why;
    return ERR_IO;
}

/* --- reading --- */

static void keep_output(struct child *c, const char *bytes, size_t len)
{
    size_t room = c->out_bytes_max - c->out_len;
    c->is_out_too_large |= len > room;
    len = len < room ? len : room;
    memcpy(c->out + c->out_len, bytes, len);
    c->out_len += len;
}

/* The last line that is not empty. */
static void keep_line(struct child *c, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            c->is_line_over = true;
            continue;
        }
        if (c->is_line_over)
            c->line_len = 0;
        c->is_line_over = false;
        unsigned char b = (unsigned char)bytes[i];
        if (c->line_len + 1 < sizeof c->last_line && b >= ' ' && b != 0x7f)
            c->last_line[c->line_len++] = bytes[i];
    }
}

static void pass_on(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, len);
        if (written <= 0)
            return;
        bytes += written;
        len -= (size_t)written;
    }
}

static void read_from(struct child *c, int *fd, bool is_error)
{
    char bytes[READ_BYTES];
    ssize_t len = 1;
    while (*fd >= 0 && len > 0) {
        len = read(*fd, bytes, sizeof bytes);
        if (len > 0 && is_error) {
            pass_on(bytes, (size_t)len);
            keep_line(c, bytes, (size_t)len);
        } else if (len > 0) {
            keep_output(c, bytes, (size_t)len);
        }
    }
    if (len == 0) {
        close(*fd);
        *fd = -1;
    }
}

void child_move(struct child *c)
{
    bool is_over = !c->is_over && c->pid > 0 && waitpid(c->pid, &c->status, WNOHANG) == c->pid;
    read_from(c, &c->out_fd, false);
    read_from(c, &c->err_fd, true);
    c->is_over |= is_over;
    c->last_line[c->line_len] = '\0';
}

void child_end(struct child *c, int signal)
{
    if (c->pid > 0 && !c->is_over)
        (void)kill(-c->pid, signal);
}

void child_free(struct child *c)
{
    if (c->out_fd >= 0)
        close(c->out_fd);
    if (c->err_fd >= 0)
        close(c->err_fd);
    free(c->out);
    *c = (struct child){.out_fd = -1, .err_fd = -1};
}
