/* The certificate and the private key that a server shows, read from their files. */
#ifndef SWM_APP_TLS_H
#define SWM_APP_TLS_H

#include "base/err.h"

struct tls { /* PEM texts; NULL: none */
    char *cert, *key;
};

/* Reads both files; NULL, NULL: there is none to read. ERR_IO: what is wrong has been logged. */
enum err tls_read(const char *cert_file, const char *key_file, struct tls *out) MUST_USE;
void tls_forget(struct tls *t); /* wipes and frees */

#endif
