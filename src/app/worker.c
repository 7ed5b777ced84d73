/* Does one message: runs the process, gives signs of life, answers until the server has taken it.
 * Before it stands cmd_worker.c's loop, after it child.c and the server. An answer is given up only
 * when the server says no. */
#include "app/worker.h"

#include "app/view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#define BEAT_MS 5000
#define BEAT_MS_MIN 300
#define RETRY_MS 1000
#define ENV_COUNT 5

/* --- beginning --- */

static char *make_variable(struct arena *a, const char *name, struct slice value)
{
    struct text t = text_new(a, MESSAGE_BYTES_MAX);
    text_put_c(&t, name);
    text_put_char(&t, '=');
    text_put(&t, value);
    return text_c(&t);
}

static void make_environment(struct worker_job *j, struct slice effect, char *env[ENV_COUNT + 1])
{
    char attempt[24];
    (void)snprintf(attempt, sizeof attempt, "%" PRId64, j->attempt);
    env[0] = make_variable(&j->arena, "SWM_TASK", j->task);
    env[1] = make_variable(&j->arena, "SWM_INSTANCE", j->instance);
    env[2] = make_variable(&j->arena, "SWM_KEY", j->key);
    env[3] = make_variable(&j->arena, "SWM_ATTEMPT", slice_of(attempt));
    env[4] = make_variable(&j->arena, "SWM_IDEMPOTENCY_KEY", effect);
    env[5] = NULL;
}

/* A third of the time that is left, where that is little. */
static int64_t beat_of(yyjson_val *message, int64_t now_ms)
{
    int64_t deadline = view_time(message, "deadline");
    int64_t third = (deadline - now_ms) / 3;
    if (deadline == 0 || third > BEAT_MS)
        return BEAT_MS;
    return third > BEAT_MS_MIN ? third : BEAT_MS_MIN;
}

static struct slice copy_text(struct worker_job *j, yyjson_val *message, const char *name)
{
    struct slice s = json_get_text(message, name);
    return s.at != NULL ? slice_copy(&j->arena, s) : SLICE("");
}

static void fail_with(struct worker_job *j, const char *error, const char *message)
{
    j->error = error;
    j->message = message;
}

static void begin_answer(struct cli *c, struct worker_job *j);

void worker_begin(struct cli *c, struct worker_job *j, yyjson_val *message)
{
    char *env[ENV_COUNT + 1];
    *j = (struct worker_job){.phase = JOB_RUNNING, .attempt = 1};
    arena_init(&j->arena, WORK_BYTES_MAX);
    j->arena.edge = c->arena.edge;
    j->token = copy_text(j, message, "token");
    j->receipt = copy_text(j, message, "receipt");
    j->instance = copy_text(j, message, "instance");
    j->key = copy_text(j, message, "key");
    j->task = copy_text(j, message, j->token.len > 0 ? "task" : "id");
    (void)json_get_int(message, "attempt", &j->attempt);
    make_environment(j, json_get_text(message, "idempotency_key"), env);
    struct slice input = j->token.len > 0 ? json_write(&j->arena, json_get(message, "input"))
                                          : json_get_text(message, "body");
    j->began_at_ms = j->due_at_ms = cli_now_ms();
    j->beat_ms = beat_of(message, j->began_at_ms);
    if (child_start(&j->child, c->args.exec, input, env, PAYLOAD_BYTES_MAX) != ERR_NONE) {
        fail_with(j, "CannotStart", strerror(errno));
        begin_answer(c, j);
    }
}

/* --- signs of life --- */

static struct slice token_body(struct worker_job *j, struct json_out *o)
{
    json_object(o);
    json_put_string(o, "token", j->token);
    json_object_end(o);
    return json_out_slice(o);
}

/* The first one says that work has begun. Their answers change nothing: the attempt's own will. */
static void give_sign(struct cli *c, struct worker_job *j, int64_t now_ms)
{
    if (j->beat != NULL && client_is_done(j->beat)) {
        client_drop(c->client, j->beat);
        j->beat = NULL;
    }
    if (now_ms < j->due_at_ms || j->token.len == 0)
        return;
    bool is_first = j->due_at_ms == j->began_at_ms;
    j->due_at_ms = now_ms + j->beat_ms;
    if (j->beat != NULL)
        return;
    struct json_out o = json_out_new(&j->arena, MESSAGE_BYTES_MAX);
    struct client_request r = {.method = "POST",
                               .path = is_first ? "/v1/tasks/start" : "/v1/tasks/heartbeat",
                               .body = token_body(j, &o),
                               .timeout_ms = BEAT_MS};
    j->beat = client_begin(c->client, &r);
}

/* --- answering --- */

/* ExitN, SignalN: what it said last says why. */
static void fail_by(struct worker_job *j, const char *what, int number)
{
    struct text t = text_new(&j->arena, ERROR_NAME_BYTES_MAX);
    text_printf(&t, "%s%d", what, number);
    fail_with(j, text_c(&t), j->child.last_line);
}

/* What the process said, checked: JSON, or nothing. */
static struct slice read_output(struct worker_job *j)
{
    yyjson_val *root;
    struct slice said = slice_trim((struct slice){j->child.out, j->child.out_len});
    if (WIFSIGNALED(j->child.status))
        fail_by(j, "Signal", WTERMSIG(j->child.status));
    else if (WEXITSTATUS(j->child.status) != 0)
        fail_by(j, "Exit", WEXITSTATUS(j->child.status));
    else if (j->child.is_out_too_large)
        fail_with(j, "OutputTooLarge", "standard output is larger than 256 KiB");
    else if (said.len > 0 && j->token.len > 0 &&
             json_read(&j->arena, said, PAYLOAD_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE)
        fail_with(j, "OutputNotJSON", "standard output is not JSON");
    return said.len > 0 ? said : SLICE("null");
}

static void write_answer(struct worker_job *j, struct slice output)
{
    struct json_out o = json_out_new(&j->arena, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    if (j->token.len == 0) {
        json_put_string(&o, "receipt", j->receipt);
    } else {
        json_put_string(&o, "token", j->token);
        if (j->error == NULL)
            json_put_raw(&o, "output", output);
    }
    if (j->error != NULL) {
        json_put_text(&o, "error", j->error);
        json_put_text(&o, "message", j->message);
    }
    json_object_end(&o);
    j->answer_body = json_out_slice(&o);
}

static void begin_answer(struct cli *c, struct worker_job *j)
{
    struct slice output = j->error == NULL ? read_output(j) : SLICE_NONE;
    write_answer(j, output);
    if (j->token.len == 0)
        j->answer_path = cli_path(c, "/v1/queues/", c->args.queue, "/delete");
    else
        j->answer_path = j->error == NULL ? "/v1/tasks/complete" : "/v1/tasks/fail";
    j->phase = JOB_ANSWERING;
    j->due_at_ms = 0;
}

static void say(struct cli *c, struct worker_job *j, struct slice verdict, int64_t now_ms)
{
    struct term *t = &c->out;
    char text[TERM_AGO_BYTES];
    bool is_done = j->error == NULL;
    term_put_c(t, is_done ? TINT_GREEN : TINT_RED, is_done ? "✔ " : "✘ ");
    term_put(t, TINT_BOLD, j->task);
    term_put_c(t, TINT_NONE, "  ");
    term_put(t, TINT_NONE, j->key.len > 0 ? j->key : j->instance);
    if (j->attempt > 1)
        term_printf(t, TINT_DIM, "  attempt %" PRId64, j->attempt);
    term_printf(t, TINT_DIM, "  %s", term_span(now_ms - j->began_at_ms, text));
    if (!is_done) {
        term_printf(t, TINT_RED, "  %s", j->error);
        term_printf(t, TINT_NONE, "%s%s", j->message[0] != '\0' ? ": " : "", j->message);
    }
    if (verdict.len > 0 && !slice_eq_text(verdict, "applied")) {
        term_put_c(t, TINT_NONE, "  ");
        term_put(t, TINT_YELLOW, verdict);
    }
    term_end_line(t);
}

static void print(struct cli *c, struct worker_job *j, struct slice verdict, int64_t now_ms)
{
    struct json_out o = json_out_new(&j->arena, MESSAGE_BYTES_MAX);
    json_object(&o);
    json_put_string(&o, "instance", j->instance);
    json_put_string(&o, "key", j->key);
    json_put_string(&o, "task", j->task);
    json_put_number(&o, "attempt", j->attempt);
    json_put_text(&o, "result", j->error == NULL ? "completed" : "failed");
    json_put_text(&o, "error", j->error);
    json_put_text(&o, "message", j->message);
    json_put_some(&o, "verdict", verdict);
    json_put_number(&o, "ms", now_ms - j->began_at_ms);
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
}

static void finish(struct cli *c, struct worker_job *j, struct slice verdict, int64_t now_ms)
{
    if (c->args.json)
        print(c, j, verdict, now_ms);
    else
        say(c, j, verdict, now_ms);
    (void)term_flush(&c->out);
    if (j->beat != NULL)
        client_drop(c->client, j->beat);
    child_free(&j->child);
    arena_drop(&j->arena);
    *j = (struct worker_job){.phase = JOB_FREE};
}

/* A foreign message that was not done stays: it shows again by itself. */
static bool needs_answer(const struct worker_job *j)
{
    return j->token.len > 0 || j->error == NULL;
}

/* True: there is nothing more to do for this message. */
static bool take_answer(struct cli *c, struct worker_job *j, struct slice *verdict, int64_t now_ms)
{
    struct client_answer answer;
    yyjson_val *root = NULL;
    if (j->answer == NULL || !client_is_done(j->answer))
        return false;
    enum err e = client_take(c->client, j->answer, &j->arena, &answer);
    j->answer = NULL;
    j->due_at_ms = now_ms + RETRY_MS;
    if (e != ERR_NONE || answer.status >= 500)
        return false;
    if (json_read(&j->arena, answer.body, answer.body.len, 4 * JSON_DEPTH_MAX, NULL, &root) ==
        ERR_NONE)
        *verdict = json_get_text(root, "verdict");
    if (answer.status != 200 && verdict->len == 0)
        *verdict = json_get_text(json_get(root, "error"), "code");
    return true;
}

static void send_answer(struct cli *c, struct worker_job *j, int64_t now_ms)
{
    if (j->answer != NULL || now_ms < j->due_at_ms)
        return;
    struct client_request r = {.method = "POST", .path = j->answer_path, .body = j->answer_body};
    j->answer = client_begin(c->client, &r);
    j->due_at_ms = now_ms + CLIENT_WAIT_MS;
}

bool worker_move(struct cli *c, struct worker_job *j, int64_t now_ms)
{
    struct slice verdict = SLICE_NONE;
    if (j->phase == JOB_RUNNING) {
        child_move(&j->child);
        give_sign(c, j, now_ms);
        if (j->child.is_over)
            begin_answer(c, j);
    }
    if (j->phase != JOB_ANSWERING)
        return false;
    bool has_failed = j->error != NULL;
    if (needs_answer(j) && !take_answer(c, j, &verdict, now_ms)) {
        send_answer(c, j, now_ms);
        return false;
    }
    finish(c, j, verdict, now_ms);
    return has_failed;
}
