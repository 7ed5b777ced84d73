/* Names and certificates in a program that carries its own libc and its own OpenSSL. Before it
 * stands main; it must not change anything for a program that uses the system's libraries. */
#include "app/standalone.h"

#include <nss.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

/* Where systems keep the certificates of authorities in one file: Amazon Linux, Debian, Alpine. */
static const char *const certificate_files[] = {
    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"};

/* nsswitch.conf may name modules that belong to another libc; loaded into this one they crash it.
 * These two are built in. */
static void look_up_names_alone(void)
{
    (void)__nss_configure_lookup("hosts", "files dns");
    (void)__nss_configure_lookup("passwd", "files");
}

/* OpenSSL was built to look where Debian keeps them. */
static void find_certificates(void)
{
    if (getenv("SSL_CERT_FILE") != NULL || getenv("SSL_CERT_DIR") != NULL)
        return;
    for (size_t k = 0; k < sizeof certificate_files / sizeof certificate_files[0]; k++) {
        if (access(certificate_files[k], R_OK) == 0) {
            (void)setenv("SSL_CERT_FILE", certificate_files[k], 1);
            return;
        }
    }
}

void standalone_prepare(void)
{
    if (getauxval(AT_BASE) != 0) /* where the loader is */
        return;
    look_up_names_alone();
    find_certificates();
}
