/* Plays the demo's customers, workers and drivers. Before it stands cmd_demo.c's loop, after it the
 * server's REST interface. It keeps nothing: what it forgets is given out again by the server. */
#include "app/kitchen.h"

#include "api/asset.h"
#include "app/view.h"
#include "base/time.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define TEMPLATE "food-order"
#define TEMPLATE_FILE "examples/food-order.yaml"
#define OPEN_MAX 20       /* orders that are not finished; beyond that no new ones come */
#define ORDER_MS 4000     /* between two orders, about */
#define INBOX_MS 1000     /* how often the door is looked at */
#define DELIVERY_MS 15000 /* how long a person has for doing it in the page */
#define WAIT_S 20
#define RETRY_MS 500
#define ASK_MS 5000

static const char *const dishes[] = {"Margherita", "Quattro formaggi", "Lasagne", "Tiramisu",
                                     "Minestrone", "Calzone",          "Risotto", "Gnocchi"};
static const char *const drivers[] = {"Asha", "Ben", "Chidi", "Dana", "Elif", "Farid"};
static const char *const streets[] = {"1 Harbour Lane", "22 Mill Road", "7 Garden Square",
                                      "103 Station Street"};

#define PICK(k, list) (list)[roll(k, sizeof(list) / sizeof(list)[0])]

/* --- telling --- */

static void print(struct kitchen *k, const char *what, const char *key, const char *detail)
{
    struct json_out o = json_out_new(&k->round, MESSAGE_BYTES_MAX);
    json_object(&o);
    json_put_time(&o, "at", cli_now_ms());
    json_put_text(&o, "what", what);
    json_put_text(&o, "key", key);
    json_put_text(&o, "detail", detail);
    json_object_end(&o);
    cli_print_line(k->cli, json_out_slice(&o));
}

void kitchen_say(struct kitchen *k, enum tint tint, const char *what, const char *key,
                 const char *detail)
{
    struct term *t = &k->cli->out;
    char clock[16];
    time_t now = time(NULL);
    struct tm local;
    if (k->cli->args.json) {
        print(k, what, key, detail);
    } else if (localtime_r(&now, &local) != NULL &&
               strftime(clock, sizeof clock, "%T", &local) > 0) {
        t->cut_at = t->columns;
        term_printf(t, TINT_DIM, "  %s  ", clock);
        term_printf(t, TINT_BOLD, "%-11s", key != NULL ? key : "");
        term_printf(t, tint, "%-11s ", what);
        term_put_c(t, TINT_DIM, detail != NULL ? detail : "");
        term_end_line(t);
        t->cut_at = 0;
    }
    (void)term_flush(t);
}

/* --- asking --- */

static uint64_t roll(struct kitchen *k, uint64_t sides)
{
    k->chance ^= k->chance << 13;
    k->chance ^= k->chance >> 7;
    k->chance ^= k->chance << 17;
    return k->chance % sides;
}

static int64_t between(struct kitchen *k, int64_t least_ms, int64_t most_ms)
{
    return (least_ms + (int64_t)roll(k, (uint64_t)(most_ms - least_ms + 1))) / k->divisor;
}

static enum err get(struct kitchen *k, const char *path, yyjson_val **root)
{
    struct client_request r = {.method = "GET", .path = path, .timeout_ms = ASK_MS};
    return cli_try(k->cli, &r, &k->round, root);
}

static enum err post(struct kitchen *k, const char *path, struct json_out *o, yyjson_val **root)
{
    struct client_request r = {
        .method = "POST", .path = path, .body = json_out_slice(o), .timeout_ms = ASK_MS};
    return cli_try(k->cli, &r, &k->round, root);
}

static struct json_out begin_object(struct kitchen *k)
{
    struct json_out o = json_out_new(&k->round, MESSAGE_BYTES_MAX);
    json_object(&o);
    return o;
}

/* --- orders --- */

/* How many orders there are, or only those that are not finished. */
static int64_t count_orders(yyjson_val *stats, bool is_open_only)
{
    int64_t sum = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(stats, "templates"));
    for (yyjson_val *row; (row = yyjson_arr_iter_next(&it)) != NULL;) {
        int64_t count = 0;
        bool is_ours = slice_eq_text(json_get_text(row, "template"), TEMPLATE);
        if (is_ours && (!is_open_only || view_is_open(row)) && json_get_int(row, "count", &count))
            sum += count;
    }
    return sum;
}

static void write_order(struct kitchen *k, struct json_out *o, const char *key, const char *meal[2])
{
    json_put_text(o, "template", TEMPLATE);
    json_put_text(o, "event_id", key); /* asked twice, it is one order */
    json_key(o, "input");
    json_object(o);
    json_put_text(o, "order_id", key);
    json_key(o, "items");
    json_array(o);
    json_string(o, slice_of(meal[0]));
    if (meal[1] != NULL)
        json_string(o, slice_of(meal[1]));
    json_array_end(o);
    json_put_text(o, "address", PICK(k, streets));
    json_object_end(o);
    json_object_end(o);
}

static bool order(struct kitchen *k)
{
    char key[32], detail[128];
    yyjson_val *answer;
    const char *meal[2] = {PICK(k, dishes), roll(k, 2) == 0 ? PICK(k, dishes) : NULL};
    if (meal[1] == meal[0])
        meal[1] = NULL;
    (void)snprintf(key, sizeof key, "ORDER-%04" PRId64, k->orders + 1);
    struct json_out o = begin_object(k);
    write_order(k, &o, key, meal);
    enum err e = post(k, "/v1/instances", &o, &answer);
    if (e == ERR_IO || e == ERR_OVERLOAD)
        return false;
    k->orders++;
    if (e != ERR_NONE || !slice_eq_text(json_get_text(answer, "verdict"), "applied"))
        return true;
    (void)snprintf(detail, sizeof detail, "%s%s%s", meal[0], meal[1] != NULL ? ", " : "",
                   meal[1] != NULL ? meal[1] : "");
    kitchen_say(k, TINT_CYAN, "new order", key, detail);
    return true;
}

static bool take_orders(struct kitchen *k, int64_t now_ms)
{
    yyjson_val *stats;
    if (now_ms < k->order_at_ms)
        return true;
    k->order_at_ms = now_ms + between(k, ORDER_MS / 2, ORDER_MS * 3 / 2);
    if (get(k, "/v1/stats", &stats) != ERR_NONE)
        return false;
    bool is_full = count_orders(stats, true) > OPEN_MAX;
    if (is_full && !k->is_full)
        kitchen_say(k, TINT_DIM, "(pause)", NULL, "many orders are open; new ones wait");
    k->is_full = is_full;
    return is_full || order(k);
}

/* --- stations --- */

struct station {
    const char *queue;
    int64_t least_ms, most_ms;
    bool can_fail;
    void (*write)(struct kitchen *k, struct json_out *o, const struct kitchen_task *t);
    void (*tell)(struct kitchen *k, const struct kitchen_task *t);
};

static void write_confirmed(struct kitchen *k, struct json_out *o, const struct kitchen_task *t)
{
    (void)t;
    json_put_boolean(o, "accepted", true);
    json_put_number(o, "minutes", 20 + (int64_t)roll(k, 30));
}

static void write_food(struct kitchen *k, struct json_out *o, const struct kitchen_task *t)
{
    json_put_text(o, "dish", t->dish);
    json_put_number(o, "oven", 1 + (int64_t)roll(k, 3));
}

static void write_driver(struct kitchen *k, struct json_out *o, const struct kitchen_task *t)
{
    (void)t;
    json_put_text(o, "driver", PICK(k, drivers));
}

static void write_eta(struct kitchen *k, struct json_out *o, const struct kitchen_task *t)
{
    (void)t;
    json_put_number(o, "eta_minutes", 5 + (int64_t)roll(k, 20));
}

static void tell_food(struct kitchen *k, const struct kitchen_task *t)
{
    char detail[64] = "";
    if (t->attempt > 1)
        (void)snprintf(detail, sizeof detail, "in attempt %" PRId64, t->attempt);
    kitchen_say(k, TINT_GREEN, "cooked", t->key, detail);
}

static void tell_driver(struct kitchen *k, const struct kitchen_task *t)
{
    char detail[128] = "";
    if (t->driver[0] != '\0')
        (void)snprintf(detail, sizeof detail, "with %s", t->driver);
    kitchen_say(k, TINT_GREEN, "on the way", t->key, detail);
}

static const struct station stations[KITCHEN_STATIONS] = {
    {"confirm_order_queue", 1000, 2000, false, write_confirmed, NULL},
    {"make_food_queue", 2000, 4000, true, write_food, tell_food},
    {"assign_executive_queue", 1000, 3000, false, write_driver, NULL},
    {"confirm_delivery_queue", 1000, 2000, false, write_eta, tell_driver},
};

static void copy_text(char *to, size_t size, struct slice s)
{
    (void)snprintf(to, size, "%.*s", s.len < size ? (int)s.len : (int)size - 1,
                   s.at != NULL ? s.at : "");
}

static void begin_task(struct kitchen *k, size_t station, yyjson_val *message, int64_t now_ms)
{
    struct kitchen_task *t = k->tasks[station];
    yyjson_val *input = json_get(message, "input"), *ignored;
    size_t i = 0;
    while (i < KITCHEN_HANDS && t[i].due_at_ms != 0)
        i++;
    struct slice token = json_get_text(message, "token");
    if (i == KITCHEN_HANDS || token.len == 0 || token.len >= sizeof t[i].token)
        return;
    t = &t[i];
    *t = (struct kitchen_task){.attempt = 1};
    copy_text(t->token, sizeof t->token, token);
    copy_text(t->key, sizeof t->key, json_get_text(message, "key"));
    copy_text(t->dish, sizeof t->dish, json_text(yyjson_arr_get_first(json_get(input, "items"))));
    copy_text(t->driver, sizeof t->driver, json_get_text(input, "driver"));
    (void)json_get_int(message, "attempt", &t->attempt);
    t->due_at_ms = now_ms + between(k, stations[station].least_ms, stations[station].most_ms);
    struct json_out o = begin_object(k);
    json_put_text(&o, "token", t->token);
    json_object_end(&o);
    if (post(k, "/v1/tasks/start", &o, &ignored) != ERR_NONE)
        t->due_at_ms = 0;
}

static bool finish_task(struct kitchen *k, const struct station *s, struct kitchen_task *t)
{
    yyjson_val *answer;
    bool fails = s->can_fail && roll(k, 4) == 0;
    struct json_out o = begin_object(k);
    json_put_text(&o, "token", t->token);
    if (fails) {
        json_put_text(&o, "error", "OvenBusy");
        json_put_text(&o, "message", "all ovens are taken");
    } else {
        json_key(&o, "output");
        json_object(&o);
        s->write(k, &o, t);
        json_object_end(&o);
    }
    json_object_end(&o);
    t->due_at_ms = 0;
    enum err e = post(k, fails ? "/v1/tasks/fail" : "/v1/tasks/complete", &o, &answer);
    if (e != ERR_NONE || !slice_eq_text(json_get_text(answer, "verdict"), "applied"))
        return e != ERR_IO;
    if (fails)
        kitchen_say(k, TINT_YELLOW, "oven busy", t->key, "it is tried again in a moment");
    else if (s->tell != NULL)
        s->tell(k, t);
    return true;
}

static bool take_messages(struct kitchen *k, size_t station, int64_t now_ms)
{
    struct client_answer answer;
    yyjson_val *root, *m;
    if (k->receives[station] == NULL || !client_is_done(k->receives[station]))
        return true;
    enum err e = client_take(k->cli->client, k->receives[station], &k->round, &answer);
    k->receives[station] = NULL;
    if (e == ERR_NONE && answer.status == 200)
        e = json_read(&k->round, answer.body, answer.body.len, 4 * JSON_DEPTH_MAX, NULL, &root);
    if (e != ERR_NONE || answer.status != 200)
        return false;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(root, "messages"));
    while ((m = yyjson_arr_iter_next(&it)) != NULL)
        begin_task(k, station, m, now_ms);
    return true;
}

static void ask_for_messages(struct kitchen *k, size_t station)
{
    char path[128], body[64];
    int hands = 0;
    for (size_t i = 0; i < KITCHEN_HANDS; i++)
        hands += k->tasks[station][i].due_at_ms == 0;
    if (k->receives[station] != NULL || hands == 0)
        return;
    (void)snprintf(path, sizeof path, "/v1/queues/%s/receive", stations[station].queue);
    (void)snprintf(body, sizeof body, "{\"max\":%d,\"wait_seconds\":%d}", hands, WAIT_S);
    struct client_request r = {.method = "POST",
                               .path = path,
                               .body = slice_of(body),
                               .timeout_ms = WAIT_S * 1000 + 15000};
    k->receives[station] = client_begin(k->cli->client, &r);
}

static bool work(struct kitchen *k, size_t station, int64_t now_ms, int64_t *next_ms)
{
    bool is_there = take_messages(k, station, now_ms);
    for (size_t i = 0; i < KITCHEN_HANDS && is_there; i++) {
        struct kitchen_task *t = &k->tasks[station][i];
        if (t->due_at_ms != 0 && t->due_at_ms <= now_ms)
            is_there = finish_task(k, &stations[station], t);
        if (t->due_at_ms != 0)
            *next_ms = time_min(*next_ms, t->due_at_ms);
    }
    if (is_there)
        ask_for_messages(k, station);
    return is_there;
}

/* --- deliveries --- */

static void deliver(struct kitchen *k, yyjson_val *task)
{
    yyjson_val *answer;
    char key[80];
    struct json_out o = begin_object(k);
    json_put_string(&o, "instance", json_get_text(task, "instance"));
    json_put_string(&o, "task", json_get_text(task, "task"));
    json_key(&o, "output");
    json_object(&o);
    json_put_number(&o, "tip", (int64_t)roll(k, 6));
    json_object_end(&o);
    json_object_end(&o);
    copy_text(key, sizeof key, json_get_text(task, "key"));
    if (post(k, "/v1/tasks/complete", &o, &answer) == ERR_NONE &&
        slice_eq_text(json_get_text(answer, "verdict"), "applied"))
        kitchen_say(k, TINT_GREEN, "delivered", key, "by the demo, as nobody else did it");
}

static bool look_at_doors(struct kitchen *k, int64_t now_ms)
{
    yyjson_val *inbox, *task;
    if (now_ms < k->inbox_at_ms)
        return true;
    k->inbox_at_ms = now_ms + INBOX_MS;
    if (get(k, "/v1/tasks?limit=100", &inbox) != ERR_NONE)
        return false;
    yyjson_arr_iter it = yyjson_arr_iter_with(json_get(inbox, "tasks"));
    while ((task = yyjson_arr_iter_next(&it)) != NULL) {
        bool is_ours = slice_eq_text(json_get_text(task, "template"), TEMPLATE);
        if (is_ours && view_time(task, "since") + DELIVERY_MS / k->divisor <= now_ms)
            deliver(k, task);
    }
    return true;
}

/* --- opening, moving, closing --- */

void kitchen_open(struct kitchen *k, struct cli *c, int64_t divisor)
{
    *k = (struct kitchen){.cli = c, .divisor = divisor};
    arena_init(&k->round, WORK_BYTES_MAX);
    k->round.edge = c->arena.edge;
    if (getrandom(&k->chance, sizeof k->chance, 0) != (ssize_t)sizeof k->chance || k->chance == 0)
        k->chance = 88172645463325252u;
}

int kitchen_begin(struct kitchen *k)
{
    const struct asset *file = asset_find(SLICE(TEMPLATE_FILE));
    yyjson_val *answer, *stats;
    arena_reset(&k->round);
    if (file == NULL)
        return cli_fail(k->cli, EXIT_REFUSED, "not_found", NULL, TEMPLATE_FILE " is missing");
    struct client_request r = {.method = "POST",
                               .path = "/v1/templates?file=" TEMPLATE_FILE,
                               .body = {(const char *)file->bytes, file->len},
                               .type = "application/yaml"};
    int exit = cli_send(k->cli, &r, &answer);
    if (exit == EXIT_OK)
        exit = cli_get(k->cli, "/v1/stats", &stats);
    if (exit == EXIT_OK && count_orders(stats, false) > k->orders)
        k->orders = count_orders(stats, false);
    return exit;
}

bool kitchen_move(struct kitchen *k, int64_t now_ms, int64_t *next_ms)
{
    bool is_there = true;
    arena_reset(&k->round);
    *next_ms = k->retry_at_ms;
    if (now_ms < k->retry_at_ms)
        return false;
    *next_ms = TIME_NEVER;
    for (size_t i = 0; i < KITCHEN_STATIONS && is_there; i++)
        is_there = work(k, i, now_ms, next_ms);
    is_there = is_there && take_orders(k, now_ms) && look_at_doors(k, now_ms);
    if (!is_there)
        k->retry_at_ms = now_ms + RETRY_MS;
    *next_ms = time_min(*next_ms, time_min(k->order_at_ms, k->inbox_at_ms));
    return is_there;
}

void kitchen_drop(struct kitchen *k)
{
    for (size_t i = 0; i < KITCHEN_STATIONS; i++) {
        if (k->receives[i] != NULL)
            client_drop(k->cli->client, k->receives[i]);
        k->receives[i] = NULL;
        for (size_t j = 0; j < KITCHEN_HANDS; j++)
            k->tasks[i][j].due_at_ms = 0;
    }
    k->retry_at_ms = 0;
}

void kitchen_close(struct kitchen *k)
{
    kitchen_drop(k);
    arena_drop(&k->round);
}
