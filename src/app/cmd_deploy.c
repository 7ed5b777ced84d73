/* swm deploy lambda --plan: what deploy/template.yaml and deploy/terraform make in AWS, what it
 * costs, and the commands that make it. A test holds both against the list here. It must ask
 * nobody: it needs no account and no server. */
#include "app/cli.h"

#include <stdio.h>

/* List prices of us-east-1, in millionths of a dollar; docs/serverless.md says where from. */
#define PRICES_OF "us-east-1, list prices of 2026 without free tiers"
#define SQS_MILLION 400000.0
#define CALLS_MILLION 200000.0
#define ARM_GB_S 13.3334
#define SECRET_MONTH 400000.0
#define ALARM_MONTH 100000.0
#define TRANSITIONS_MILLION 25000000.0 /* AWS Step Functions, Standard */

#define MEMORY_GB 0.25 /* the templates' default */
#define MONTH_MINUTES (730.0 * 60)
/* An idle event source asks with five long polls of 20 s. */
#define IDLE_POLLS_MONTH (5 * 3 * MONTH_MINUTES)

/* How long invocations take at that memory, as docs/serverless.md works out from measured processor
 * time: with one answer of a worker, with ten, a tick with nothing due. */
#define ONE_MS 28.0
#define TEN_MS 38.0
#define TICK_MS 25.0

struct part {
    const char *name, *type, *purpose;
    double idle; /* a month, in millionths of a dollar */
};

#define POLLS (IDLE_POLLS_MONTH * SQS_MILLION / 1e6)
#define TICKS (MONTH_MINUTES * (CALLS_MILLION / 1e6 + TICK_MS / 1000 * MEMORY_GB * ARM_GB_S))

static const struct part parts[] = {
    {"Events", "AWS::SQS::Queue", "what workers answer to", 0},
    {"DeadLetters", "AWS::SQS::Queue", "events that failed 20 times", 0},
    {"Timers", "AWS::SQS::Queue", "wake-ups before the next tick", 0},
    {"Secret", "AWS::SecretsManager::Secret", "the store's address, the first admin key",
     SECRET_MONTH},
    {"Logs", "AWS::Logs::LogGroup", "the function's log", 0},
    {"Role", "AWS::IAM::Role", "own queues, task queues by prefix, the secret, the log", 0},
    {"Function", "AWS::Lambda::Function", "swm itself", 0},
    {"EventsSource", "AWS::Lambda::EventSourceMapping", "hands events over, up to ten at a time",
     POLLS},
    {"TimersSource", "AWS::Lambda::EventSourceMapping", "hands wake-ups over", POLLS},
    {"Tick", "AWS::Events::Rule", "each minute: what is due is woken", TICKS},
    {"TickPermission", "AWS::Lambda::Permission", "the rule may call the function", 0},
    {"Url", "AWS::Lambda::Url", "the API and the page", 0},
    {"UrlPermission", "AWS::Lambda::Permission", "anybody may ask; swm checks the keys", 0},
    {"UrlInvokePermission", "AWS::Lambda::Permission", "the same, for the call behind it", 0},
    {"DeadLettersAlarm", "AWS::CloudWatch::Alarm", "a dead letter", ALARM_MONTH},
    {"AgeAlarm", "AWS::CloudWatch::Alarm", "an event waits for five minutes", ALARM_MONTH},
    {"ErrorsAlarm", "AWS::CloudWatch::Alarm", "the function fails", ALARM_MONTH},
    {"ThrottlesAlarm", "AWS::CloudWatch::Alarm", "AWS Lambda refuses calls", ALARM_MONTH},
};

#define PART_COUNT (sizeof parts / sizeof parts[0])

static const char *const commands[] = {
    "make lambda",
    "sam deploy --guided --template deploy/template.yaml --capabilities CAPABILITY_IAM",
    "or, as a module of Terraform: source = \"./deploy/terraform\"",
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* A million tasks whose answers come so many to an invocation: a task is one message out and one
 * event in. What workers ask of Amazon SQS themselves is not in it. */
static double million_tasks(double answers, double ms)
{
    double calls = 1e6 / answers;
    double requests = 3 * calls; /* to send messages, to receive events, to delete them */
    return calls * (CALLS_MILLION / 1e6 + ms / 1000 * MEMORY_GB * ARM_GB_S) +
           requests * SQS_MILLION / 1e6;
}

static double idle_month(void)
{
    double sum = 0;
    for (size_t k = 0; k < PART_COUNT; k++)
        sum += parts[k].idle;
    return sum;
}

static const char *dollars(double millionths, char buf[16])
{
    (void)snprintf(buf, 16, "%.2f", millionths / 1e6);
    return buf;
}

static void put_dollars(struct json_out *o, const char *name, double millionths)
{
    char buf[16];
    json_put_raw(o, name, slice_of(dollars(millionths, buf)));
}

static void print_json(struct cli *c)
{
    struct json_out o = json_out_new(&c->arena, 16 * 1024);
    json_object(&o);
    json_key(&o, "resources");
    json_array(&o);
    for (size_t k = 0; k < PART_COUNT; k++) {
        json_object(&o);
        json_put_text(&o, "name", parts[k].name);
        json_put_text(&o, "type", parts[k].type);
        json_put_text(&o, "for", parts[k].purpose);
        put_dollars(&o, "idle_usd_per_month", parts[k].idle);
        json_object_end(&o);
    }
    json_array_end(&o);
    put_dollars(&o, "idle_usd_per_month", idle_month());
    put_dollars(&o, "usd_per_million_tasks_one_by_one", million_tasks(1, ONE_MS));
    put_dollars(&o, "usd_per_million_tasks_in_tens", million_tasks(10, TEN_MS));
    put_dollars(&o, "step_functions_standard_usd_per_million_tasks", TRANSITIONS_MILLION);
    json_put_text(&o, "prices", PRICES_OF);
    json_key(&o, "commands");
    json_array(&o);
    for (size_t k = 0; k < COMMAND_COUNT; k++)
        json_string(&o, slice_of(commands[k]));
    json_array_end(&o);
    json_object_end(&o);
    cli_print_line(c, json_out_slice(&o));
}

static void print_table(struct cli *c)
{
    static const struct table_column columns[] = {
        {"MADE", false}, {"TYPE", false}, {"FOR", false}, {"IDLE, $ A MONTH", true}};
    char buf[16];
    struct table t = table_new(&c->out, columns, sizeof columns / sizeof columns[0]);
    for (size_t k = 0; k < PART_COUNT; k++) {
        table_put_c(&t, TINT_NONE, parts[k].name);
        table_put_c(&t, TINT_NONE, parts[k].type);
        table_put_c(&t, TINT_NONE, parts[k].purpose);
        table_put_c(&t, TINT_NONE, parts[k].idle > 0 ? dollars(parts[k].idle, buf) : "-");
    }
    table_draw(&t);
}

static void print_sum(struct cli *c)
{
    char idle[16], one[16], ten[16], other[16];
    term_end_line(&c->out);
    term_printf(&c->out, TINT_NONE,
                "idle: $%s a month. A million tasks: $%s where answers come one by one, $%s in "
                "tens",
                dollars(idle_month(), idle), dollars(million_tasks(1, ONE_MS), one),
                dollars(million_tasks(10, TEN_MS), ten));
    term_end_line(&c->out);
    term_printf(&c->out, TINT_NONE,
                "(AWS Step Functions, Standard: $%s, at one state transition a task).",
                dollars(TRANSITIONS_MILLION, other));
    term_end_line(&c->out);
    term_put_c(&c->out, TINT_NONE, "Prices: " PRICES_OF ". The database and workers come on top.");
    term_end_line(&c->out);
    term_end_line(&c->out);
    term_put_c(&c->out, TINT_NONE, "Nothing has been made. These make it:");
    term_end_line(&c->out);
    for (size_t k = 0; k < COMMAND_COUNT; k++) {
        term_printf(&c->out, TINT_NONE, "  %s", commands[k]);
        term_end_line(&c->out);
    }
}

static int plan(struct cli *c)
{
    if (!c->args.plan) {
        fputs("swm deploy lambda: swm makes nothing in AWS itself; --plan shows what there would "
              "be,\nand the commands that make it\n",
              stderr);
        return EXIT_USAGE;
    }
    if (c->args.json) {
        print_json(c);
        return EXIT_OK;
    }
    print_table(c);
    print_sum(c);
    return EXIT_OK;
}

static const struct verb deploy_verbs[] = {{"lambda", plan, "plan", 0, 0},
                                           {NULL, NULL, NULL, 0, 0}};

int cmd_deploy(int argc, char **argv)
{
    return cli_run_group("deploy", deploy_verbs, argc, argv);
}

void cmd_deploy_help(void)
{
    cli_help(deploy_verbs, "  swm deploy lambda --plan\n");
}
