/* The options of serve, and of AWS Lambda, where only the environment tells them: a table from
 * which parsing, the environment and the help follow. */
#ifndef SWM_APP_CONFIG_H
#define SWM_APP_CONFIG_H

#include "base/err.h"
#include "base/log.h"

#include <stddef.h>
#include <stdint.h>

#define CONFIG_HOSTS_MAX 16
#define CONFIG_NODE_BYTES 72

struct config {
    const char *data, *listen, *store, *queue, *node, *log_level;
    const char *tls_cert, *tls_key; /* files; NULL: plain HTTP */
    const char *hosts[CONFIG_HOSTS_MAX];
    size_t host_count;
    const char *admin_key; /* SWM_ADMIN_KEY; NULL: none. No option: those can be seen by others */
    bool is_open_address;  /* others than this machine can reach it */
    bool is_shared_store;  /* other nodes use it too */
    char node_name[CONFIG_NODE_BYTES]; /* `node`; with a shared store it has a suffix of this start
                                        */
    const char *retention;
    int64_t retention_ms; /* what it says; 0: everything is kept */
    bool is_lambda;       /* AWS Lambda calls this process */
    int64_t tick_ms;      /* there: how often it is called to see what is due */
    char host_text[512];  /* several names of one variable, in pieces */
    bool log_json;
    enum log_level least; /* what log_level says */
};

/* The command line over the environment (SWM_DATA …) over the defaults. ERR_INVALID: what is wrong
 * has been said on standard error. Texts are the caller's argv and the environment. */
enum err config_read(int argc, char **argv, struct config *out) MUST_USE;
/* The same for AWS Lambda. */
enum err config_read_lambda(struct config *out) MUST_USE;
void config_help(void); /* the options, on standard output */

#endif
