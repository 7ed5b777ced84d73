/* Reads what serve is to do. Before it stands the command line, after it serve.c. It must refuse
 * what this version cannot keep safe. */
#include "app/config.h"

#include "base/slice.h"
#include "base/time.h"
#include "core/limits.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum option_kind { OPTION_TEXT, OPTION_FLAG, OPTION_LIST };

struct option {
    const char *name, *env;
    enum option_kind kind;
    size_t offset;
    const char *value; /* what stands for the value in the help */
    const char *fallback;
    const char *help;
};

static const struct option options[] = {
    {"--data", "SWM_DATA", OPTION_TEXT, offsetof(struct config, data), "DIR", "./swm-data",
     "where the data lie"},
    {"--listen", "SWM_LISTEN", OPTION_TEXT, offsetof(struct config, listen), "ADDRESS:PORT",
     "127.0.0.1:7960", "where to listen; port 0 takes a free one"},
    {"--store", "SWM_STORE", OPTION_TEXT, offsetof(struct config, store), "STORE", "sqlite",
     "what keeps the data: sqlite, memory (forgets them at the end), mongodb://HOST,…/DB?…"},
    {"--queue", "SWM_QUEUE", OPTION_TEXT, offsetof(struct config, queue), "QUEUE", "builtin",
     "where task messages go: builtin, "
     "sqs://REGION[?endpoint=URL&events=NAME&timers=NAME&create=no]"},
    {"--node", "SWM_NODE", OPTION_TEXT, offsetof(struct config, node), "NAME", NULL,
     "the name of this server in the records (local; in a cluster the host's)"},
    {"--host", "SWM_HOST", OPTION_LIST, offsetof(struct config, hosts), "NAME", NULL,
     "a further name that browsers may call this server; may be given again; in the variable with "
     "commas between"},
    {"--tls-cert", "SWM_TLS_CERT", OPTION_TEXT, offsetof(struct config, tls_cert), "FILE", NULL,
     "serves HTTPS with this certificate, its chain after it (PEM)"},
    {"--tls-key", "SWM_TLS_KEY", OPTION_TEXT, offsetof(struct config, tls_key), "FILE", NULL,
     "its private key (PEM)"},
    {"--retention", "SWM_RETENTION", OPTION_TEXT, offsetof(struct config, retention), "LENGTH",
     "keep", "how long finished instances are kept after their last change, such as 30d"},
    {"--log-level", "SWM_LOG_LEVEL", OPTION_TEXT, offsetof(struct config, log_level),
     "debug|info|warn|error", "info", "what is logged on standard error"},
    {"--log-json", "SWM_LOG_JSON", OPTION_FLAG, offsetof(struct config, log_json), NULL, NULL,
     "logs as JSON, a line each"},
};

#define OPTION_COUNT (sizeof options / sizeof options[0])

static const char *command = "serve"; /* whose configuration is read, for messages */

static enum err set(struct config *c, const struct option *o, const char *value)
{
    char *place = (char *)c + o->offset;
    if (o->kind == OPTION_FLAG) {
        *(bool *)(void *)place = value[0] != '\0' && strcmp(value, "0") != 0;
    } else if (o->kind == OPTION_TEXT) {
        *(const char **)(void *)place = value;
    } else if (c->host_count < CONFIG_HOSTS_MAX) {
        c->hosts[c->host_count++] = value;
    } else {
        fprintf(stderr, "swm %s: %s is given more than %d times\n", command, o->name,
                CONFIG_HOSTS_MAX);
        return ERR_INVALID;
    }
    return ERR_NONE;
}

/* A variable of the environment holds a list with commas between. */
static enum err set_all(struct config *c, const struct option *o, const char *value)
{
    size_t len = strlen(value);
    if (o->kind != OPTION_LIST)
        return set(c, o, value);
    if (len >= sizeof c->host_text) {
        fprintf(stderr, "swm %s: %s is longer than %zu bytes\n", command, o->env,
                sizeof c->host_text - 1);
        return ERR_INVALID;
    }
    memcpy(c->host_text, value, len + 1);
    for (char *at = c->host_text, *comma; at != NULL; at = comma) {
        comma = strchr(at, ',');
        if (comma != NULL)
            *comma++ = '\0';
        if (at[0] != '\0' && set(c, o, at) != ERR_NONE)
            return ERR_INVALID;
    }
    return ERR_NONE;
}

static enum err read_environment(struct config *c)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *value = getenv(options[i].env);
        if (value == NULL || value[0] == '\0')
            value = options[i].fallback;
        if (value != NULL && set_all(c, &options[i], value) != ERR_NONE)
            return ERR_INVALID;
    }
    return ERR_NONE;
}

/* "--name" or "--name=value". */
static const struct option *find_option(const char *arg, const char **value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        size_t len = strlen(options[i].name);
        if (strncmp(arg, options[i].name, len) != 0 || (arg[len] != '\0' && arg[len] != '='))
            continue;
        *value = arg[len] == '=' ? arg + len + 1 : NULL;
        return &options[i];
    }
    return NULL;
}

static enum err complain(const char *arg)
{
    const char *near = NULL;
    for (size_t i = 0; i < OPTION_COUNT && near == NULL; i++) {
        if (slice_distance(slice_of(arg), slice_of(options[i].name), 2) <= 2)
            near = options[i].name;
    }
    fprintf(stderr, "swm %s: there is no option %s%s%s\n", command, arg,
            near ? "; did you mean " : "", near ? near : "");
    return ERR_INVALID;
}

static enum err read_arguments(int argc, char **argv, struct config *c)
{
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const struct option *o = find_option(argv[i], &value);
        if (o == NULL)
            return complain(argv[i]);
        if (o->kind == OPTION_FLAG && value == NULL)
            value = "1";
        if (value == NULL && i + 1 < argc)
            value = argv[++i];
        if (value == NULL || value[0] == '\0') {
            fprintf(stderr, "swm %s: %s needs a value: %s\n", command, o->name, o->value);
            return ERR_INVALID;
        }
        if (set(c, o, value) != ERR_NONE)
            return ERR_INVALID;
    }
    return ERR_NONE;
}

/* 127.0.0.0/8, ::1 and localhost: nobody else can reach these. */
static bool is_loopback(const char *listen)
{
    char host[64];
    const char *colon = strrchr(listen, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - listen);
    if (len == 0 || len >= sizeof host)
        return false;
    memcpy(host, listen, len);
    host[len] = '\0';
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static enum err check_word(const char *name, const char *value, const char *const *words,
                           int *which)
{
    for (*which = 0; words[*which] != NULL; (*which)++) {
        if (strcmp(value, words[*which]) == 0)
            return ERR_NONE;
    }
    fprintf(stderr, "swm %s: %s does not take \"%s\"; it takes:", command, name, value);
    for (; *words != NULL; words++)
        fprintf(stderr, " %s", *words);
    fputc('\n', stderr);
    return ERR_INVALID;
}

static enum err check_admin_key(struct config *c)
{
    c->admin_key = getenv("SWM_ADMIN_KEY");
    if (c->admin_key == NULL || c->admin_key[0] == '\0') {
        c->admin_key = NULL;
        return ERR_NONE;
    }
    size_t len = strlen(c->admin_key);
    bool is_good = len >= ACCESS_TEXT_BYTES_MIN && len <= ACCESS_TEXT_BYTES_MAX;
    for (size_t k = 0; k < len; k++)
        is_good = is_good && c->admin_key[k] > ' ' && c->admin_key[k] <= '~';
    if (is_good)
        return ERR_NONE;
    fprintf(stderr,
            "swm %s: SWM_ADMIN_KEY must have %d to %d letters, digits and signs, and no blank;\n"
            "\"openssl rand -hex 24\" makes a good one\n",
            command, ACCESS_TEXT_BYTES_MIN, ACCESS_TEXT_BYTES_MAX);
    return ERR_INVALID;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Records of two starts must be told apart, where one may have to finish the other's work. */
static enum err name_node(struct config *c)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    char host[NODE_NAME_BYTES_MAX + 1] = "";
    uint8_t chance[5];
    if (c->node == NULL && c->is_shared_store && gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    const char *name = c->node != NULL ? c->node : host[0] != '\0' ? host : "local";
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    if (len == 0 || len > NODE_NAME_BYTES_MAX || name[len] != '\0') {
        fprintf(stderr,
                "swm %s: --node takes 1 to %d letters, digits, '-', '_' and '.'; not \"%s\"\n",
                command, NODE_NAME_BYTES_MAX, name);
        return ERR_INVALID;
    }
    memcpy(c->node_name, name, len + 1);
    if (!c->is_shared_store)
        return ERR_NONE;
    if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return ERR_IO;
    c->node_name[len++] = '-';
    for (size_t k = 0; k < sizeof chance; k++)
        c->node_name[len++] = digits[chance[k] % 32];
    c->node_name[len] = '\0';
    return ERR_NONE;
}

static enum err read_retention(struct config *c)
{
    bool is_kept = strcmp(c->retention, "keep") == 0;
    if (is_kept ||
        (duration_parse(slice_of(c->retention), &c->retention_ms) && c->retention_ms > 0))
        return ERR_NONE;
    fprintf(stderr, "swm %s: --retention takes \"keep\" or a length such as 30d; not \"%s\"\n",
            command, c->retention);
    return ERR_INVALID;
}

static enum err check(struct config *c)
{
    static const char *const stores[] = {"sqlite", "memory", "mongodb://…", "mongodb+srv://…",
                                         NULL},
                             *const queues[] = {"builtin", "sqs://REGION", NULL},
                             *const levels[] = {"debug", "info", "warn", "error", NULL};
    int which;
    c->is_shared_store =
        has_prefix(c->store, "mongodb://") || has_prefix(c->store, "mongodb+srv://");
    if ((!c->is_shared_store && check_word("--store", c->store, stores, &which) != ERR_NONE) ||
        (!has_prefix(c->queue, "sqs://") &&
         check_word("--queue", c->queue, queues, &which) != ERR_NONE) ||
        check_word("--log-level", c->log_level, levels, &which) != ERR_NONE)
        return ERR_INVALID;
    c->least = (enum log_level)which;
    if (strchr(c->listen, ':') == NULL) {
        fprintf(stderr, "swm %s: --listen %s is not an address and a port\n", command, c->listen);
        return ERR_INVALID;
    }
    if ((c->tls_cert == NULL) != (c->tls_key == NULL)) {
        fprintf(stderr, "swm %s: --tls-cert and --tls-key belong together\n", command);
        return ERR_INVALID;
    }
    c->is_open_address = !is_loopback(c->listen);
    enum err e = read_retention(c);
    if (e == ERR_NONE)
        e = name_node(c);
    return e == ERR_NONE ? check_admin_key(c) : e;
}

enum err config_read(int argc, char **argv, struct config *out)
{
    *out = (struct config){0};
    enum err e = read_environment(out);
    if (e == ERR_NONE)
        e = read_arguments(argc, argv, out);
    return e == ERR_NONE ? check(out) : e;
}

/* Nothing is kept here between two calls, and nobody else could be reached. */
static enum err check_lambda(struct config *c)
{
    if (!c->is_shared_store || !has_prefix(c->queue, "sqs://")) {
        fprintf(stderr,
                "swm %s: in AWS Lambda SWM_STORE must be a mongodb:// address and SWM_QUEUE "
                "sqs://REGION\n",
                command);
        return ERR_INVALID;
    }
    const char *tick = getenv("SWM_TICK");
    if (tick == NULL || tick[0] == '\0')
        tick = "60s";
    if (duration_parse(slice_of(tick), &c->tick_ms) && c->tick_ms >= LAMBDA_TICK_MS_MIN &&
        c->tick_ms <= QUEUE_DELAY_S_MAX * 1000)
        return ERR_NONE;
    fprintf(stderr, "swm %s: SWM_TICK takes a length from 5s to 15m, not \"%s\"\n", command, tick);
    return ERR_INVALID;
}

enum err config_read_lambda(struct config *out)
{
    command = "lambda";
    *out = (struct config){.is_lambda = true};
    enum err e = read_environment(out);
    if (e == ERR_NONE && out->node == NULL)
        out->node = "lambda";
    if (e == ERR_NONE)
        e = check(out);
    return e == ERR_NONE ? check_lambda(out) : e;
}

void config_help(void)
{
    puts("\noptions, each also as a variable of the environment (the option wins):");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &options[i];
        char left[64];
        (void)snprintf(left, sizeof left, "%s %s", o->name, o->value != NULL ? o->value : "");
        printf("  %-33s %-14s %s", left, o->env, o->help);
        if (o->fallback != NULL)
            printf(" (%s)", o->fallback);
        putchar('\n');
    }
    puts("  (not an option)                   SWM_ADMIN_KEY  a key that opens everything; with "
         "one,\n"
         "                                                   or once swm key create made one, "
         "every\n"
         "                                                   request needs a key");
}
