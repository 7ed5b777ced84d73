/* Runs the demo's server as a process of its own, so that it can be killed and started again as on
 * any other day. Before it stands cmd_demo.c, after it `swm serve`. */
#include "app/demo_server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY " ready on http://"

/* It ends when the demo does, however that ends; and Ctrl-C is the demo's to pass on. */
static void become(const struct demo_server *s, int out_fd, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)unsetenv("SWM_ADMIN_KEY"); /* the demo is open, on this machine alone */
    (void)unsetenv("SWM_TLS_CERT");
    (void)unsetenv("SWM_TLS_KEY");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    if (getppid() != parent || dup2(out_fd, STDOUT_FILENO) < 0)
        _exit(126);
    (void)execl("/proc/self/exe", "swm", "serve", "--data", s->data, "--listen", s->listen,
                "--log-level", "warn", (char *)NULL);
    _exit(127);
}

enum err demo_server_start(struct demo_server *s)
{
    int out[2];
    pid_t parent = getpid();
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) != 0)
        return ERR_IO;
    s->pid = fork();
    if (s->pid == 0)
        become(s, out[1], parent);
    int why = errno;
    close(out[1]);
    s->out_fd = out[0];
    s->line_len = 0;
    s->url[0] = '\0';
    if (s->pid > 0)
        return ERR_NONE;
    s->pid = 0;
    close(out[0]);
    errno = why;
    return ERR_IO;
}

/* "swm 0.1.0 ready on http://127.0.0.1:7960 (data …": from then on that is where it listens. */
static bool take_line(struct demo_server *s)
{
    const char *at = strstr(s->line, READY);
    if (at == NULL)
        return false;
    at += strlen(READY);
    int len = (int)strcspn(at, " \n");
    (void)snprintf(s->listen, sizeof s->listen, "%.*s", len, at);
    (void)snprintf(s->url, sizeof s->url, "http://%.*s", len, at);
    return true;
}

static bool read_lines(struct demo_server *s)
{
    char bytes[DEMO_LINE_BYTES];
    bool is_ready = false;
    ssize_t len;
    while (s->out_fd >= 0 && (len = read(s->out_fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < len; i++) {
            if (bytes[i] != '\n' && s->line_len + 1 < sizeof s->line)
                s->line[s->line_len++] = bytes[i];
            if (bytes[i] != '\n')
                continue;
            s->line[s->line_len] = '\0';
            s->line_len = 0;
            is_ready |= take_line(s);
        }
    }
    return is_ready;
}

static void forget(struct demo_server *s)
{
    close(s->out_fd);
    s->out_fd = -1;
    s->pid = 0;
    s->url[0] = '\0';
}

enum demo_change demo_server_look(struct demo_server *s)
{
    if (s->pid == 0)
        return DEMO_SAME;
    bool is_ready = read_lines(s);
    if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
        forget(s);
        return DEMO_DIED;
    }
    return is_ready ? DEMO_READY : DEMO_SAME;
}

void demo_server_stop(struct demo_server *s)
{
    if (s->pid == 0)
        return;
    (void)kill(s->pid, SIGTERM);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    forget(s);
}
