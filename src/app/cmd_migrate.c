/* swm migrate-store: moves everything that one store has into another one. Before it stands the
 * command line, after it migrate.c and its steps. */
#include "app/migrate.h"

#include "base/log.h"

#include <inttypes.h>

static enum err move(struct migrate *m)
{
    static enum err (*const steps[])(struct migrate *) = {
        migrate_lists, migrate_records, migrate_compare, migrate_rows, migrate_finish};
    enum err err = migrate_open(m, m->cli->args.from, m->cli->args.to);
    for (size_t k = 0; k < sizeof steps / sizeof *steps && err == ERR_NONE; k++)
        err = steps[k](m);
    migrate_close(m);
    return err;
}

static void print_json(struct cli *c, const struct migrate *m, int64_t spent_ms)
{
    struct json_out o = json_out_new(&c->arena, HTTP_BODY_BYTES_MAX);
    json_object(&o);
    json_put_boolean(&o, "ok", true);
    json_put_text(&o, "from", m->from_place);
    json_put_text(&o, "to", m->to_place);
    json_put_boolean(&o, "resumed", m->is_resumed);
    json_put_number(&o, "instances", (int64_t)m->instances);
    json_put_number(&o, "events", (int64_t)m->copied.count);
    json_put_number(&o, "written", (int64_t)m->written);
    json_put_number(&o, "bytes", (int64_t)m->bytes);
    json_put_number(&o, "payloads", (int64_t)m->payloads);
    json_put_number(&o, "missing_payloads", (int64_t)m->missing_payloads);
    json_put_number(&o, "templates", (int64_t)m->templates);
    json_put_number(&o, "queues", (int64_t)m->queues);
    json_put_number(&o, "messages", (int64_t)m->messages);
    json_put_number(&o, "keys", (int64_t)m->keys);
    json_put_number(&o, "took_ms", spent_ms);
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
}

static void print_text(struct cli *c, const struct migrate *m, int64_t spent_ms)
{
    char text[TERM_AGO_BYTES];
    struct term *t = &c->out;
    term_put_c(t, TINT_GREEN, "✔ moved and verified");
    term_printf(t, TINT_NONE, ": %" PRIu64 " instances, %" PRIu64 " events", m->instances,
                m->copied.count);
    term_printf(t, TINT_DIM, " in %s (%" PRIu64 " events a second)", term_span(spent_ms, text),
                m->copied.count * 1000 / (uint64_t)(spent_ms > 0 ? spent_ms : 1));
    term_end_line(t);
    term_printf(t, TINT_NONE,
                "  %" PRIu64 " template versions, %" PRIu64 " queues, %" PRIu64
                " messages that were sent to them, %" PRIu64 " access keys",
                m->templates, m->queues, m->messages, m->keys);
    term_end_line(t);
    if (m->missing_payloads > 0) {
        term_printf(t, TINT_YELLOW,
                    "  %" PRIu64 " large values are named by records, but were not there",
                    m->missing_payloads);
        term_end_line(t);
    }
    term_printf(t, TINT_DIM, "  %s is as it was; start the servers on %s", m->from_place,
                m->to_place);
    term_end_line(t);
}

static int migrate_store(struct cli *c)
{
    struct migrate m = {.cli = c};
    if (c->args.from == NULL || c->args.to == NULL)
        return cli_usage(c, "--from and --to are needed");
    log_open(LOG_ERROR, false);
    int64_t began_ms = cli_now_ms();
    enum err err = move(&m);
    if (err != ERR_NONE)
        return cli_fail(c, EXIT_REFUSED, err_name(err), NULL,
                        m.message[0] != '\0' ? m.message : err_text(err));
    if (c->args.json)
        print_json(c, &m, cli_now_ms() - began_ms);
    else
        print_text(c, &m, cli_now_ms() - began_ms);
    return EXIT_OK;
}

static const struct verb verbs[] = {{"migrate-store", migrate_store, "from to", 0, 0},
                                    {NULL, NULL, NULL, 0, 0}};

int cmd_migrate(int argc, char **argv)
{
    return cli_run(verbs, argc, argv);
}

void cmd_migrate_help(void)
{
    cli_help(verbs, "  swm migrate-store --from ./swm-data "
                    "--to \"mongodb://db1,db2,db3/swm?replicaSet=rs0\"\n");
    puts("\nNo server may use either of them meanwhile. Everything goes: events byte by byte,\n"
         "templates, large values, queues with the messages that were sent to them, access keys,\n"
         "and the key that signs tokens, so that workers may answer what they have. The source\n"
         "stays as it is. The target must be empty. Cut off, it is begun again by the same\n"
         "command and goes on; until it is through, no server takes the target.\n"
         "Tasks that are out on one kind of queue are sent again by the first server that is\n"
         "started with another kind.");
}
