/* Reads the certificate and the private key. Before it stands serve.c, after it the HTTP server,
 * which looks into them. The key must not stay in memory longer than it is needed here. */
#include "app/tls.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1024 * 1024)

/* The file's text, NUL-terminated, or NULL with errno set. */
static char *read_whole(int fd)
{
    char *text = calloc(1, FILE_BYTES_MAX + 1);
    size_t len = 0;
    ssize_t more = text == NULL ? -1 : 1;
    while (more > 0 && len < FILE_BYTES_MAX) {
        more = read(fd, text + len, FILE_BYTES_MAX - len);
        len += more > 0 ? (size_t)more : 0;
    }
    if (more == 0 && len > 0)
        return text;
    errno = more == 0 ? ENODATA : more > 0 ? EFBIG : errno;
    free(text);
    return NULL;
}

static char *read_file(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : read_whole(fd);
    if (text == NULL)
        log_line(LOG_ERROR, "app", "%s can't be read: %s", name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return text;
}

static void warn_of_readers(const char *name)
{
    struct stat found;
    if (stat(name, &found) == 0 && (found.st_mode & (S_IROTH | S_IWOTH)) != 0)
        log_line(LOG_WARN, "app", "%s can be read by every user of this machine", name);
}

enum err tls_read(const char *cert_file, const char *key_file, struct tls *out)
{
    *out = (struct tls){NULL, NULL};
    if (cert_file == NULL)
        return ERR_NONE;
    out->cert = read_file(cert_file);
    out->key = out->cert == NULL ? NULL : read_file(key_file);
    if (out->key == NULL) {
        tls_forget(out);
        return ERR_IO;
    }
    warn_of_readers(key_file);
    return ERR_NONE;
}

void tls_forget(struct tls *t)
{
    if (t->key != NULL)
        explicit_bzero(t->key, strlen(t->key));
    free(t->cert);
    free(t->key);
    *t = (struct tls){NULL, NULL};
}
