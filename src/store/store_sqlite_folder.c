/* The data folder of the SQLite store: makes it, locks it against a second process, and keeps a
 * note beside the database of how far it has been acknowledged. Opening comes here first; the
 * database comes after.
 *
 * The note (in the lock file) is written after each commit and never synced, so it may lag behind
 * the database but never be ahead of it. A database that ends before its note has lost records, for
 * example because a damaged frame cut the write-ahead log short, or because swm.db was copied
 * without swm.db-wal: SQLite would open either without a word. */
#include "store/store_sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_FORMAT "process %10ld\nposition %20llu\n"
#define NOTE_BYTES 64

static enum err explain(char *message, const char *what, const char *name)
{
    enum err err = errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;

    snprintf(message, STORE_SQLITE_MESSAGE_BYTES, "%s %s: %s", what, name, strerror(errno));
    return err;
}

static char *join(const char *dir, const char *name)
{
    size_t bytes = strlen(dir) + strlen(name) + 2;
    char *path = malloc(bytes);

    if (path != NULL) {
        snprintf(path, bytes, "%s/%s", dir, name);
    }
    return path;
}

enum err folder_sync_parent(const char *file)
{
    const char *slash = strrchr(file, '/');
    char *dir = slash == NULL   ? strdup(".")
                : slash == file ? strdup("/")
                                : strndup(file, (size_t)(slash - file));
    enum err err = ERR_NONE;

    if (dir == NULL) {
        return ERR_MEMORY;
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        err = ERR_IO;
    }
    if (fd >= 0) {
        close(fd);
    }
    free(dir);
    return err;
}

static void read_note(int fd, long *pid, unsigned long long *pos)
{
    char text[NOTE_BYTES + 1] = "";
    ssize_t got = pread(fd, text, NOTE_BYTES, 0);

    *pid = 0;
    *pos = 0;
    if (got <= 0 || sscanf(text, "process %ld position %llu", pid, pos) != 2) {
        *pid = 0;
        *pos = 0;
    }
}

void folder_note_pos(const struct store_sqlite *s)
{
    char text[NOTE_BYTES];
    int len = snprintf(text, sizeof(text), NOTE_FORMAT, (long)getpid(),
                       (unsigned long long)s->committed_pos);
    /* A note that cannot be written leaves the older one, which is true as well. */
    ssize_t written = pwrite(s->lock_fd, text, (size_t)len, 0);
    (void)written;
}

static enum err lock_folder(struct store_sqlite *s, const char *path, uint64_t *known_pos,
                            char *message)
{
    long pid = 0;
    unsigned long long pos = 0;

    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0) {
        return explain(message, "cannot open", path);
    }
    bool is_mine = flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0;
    if (!is_mine && errno != EWOULDBLOCK) {
        return explain(message, "cannot lock", path);
    }
    read_note(s->lock_fd, &pid, &pos);
    if (!is_mine) {
        snprintf(message, STORE_SQLITE_MESSAGE_BYTES,
                 "the data folder is in use by another process (%ld)", pid);
        return ERR_BUSY;
    }
    *known_pos = pos;
    return ERR_NONE;
}

/* SQLite gives its other files the permissions of the database, so that one is made here. */
static enum err make_database(const char *path, char *message)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        return explain(message, "cannot open", path);
    }
    close(fd);
    if (folder_sync_parent(path) != ERR_NONE) {
        return explain(message, "cannot sync the folder of", path);
    }
    return ERR_NONE;
}

enum err folder_open(struct store_sqlite *s, const char *dir, uint64_t *known_pos, char *message)
{
    enum err err = ERR_NONE;
    char *lock_path = join(dir, "swm.lock");

    s->path = join(dir, "swm.db");
    if (lock_path == NULL || s->path == NULL) {
        snprintf(message, STORE_SQLITE_MESSAGE_BYTES, "memory is short");
        err = ERR_MEMORY;
    } else if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        err = explain(message, "cannot make the data folder", dir);
    }
    if (err == ERR_NONE) {
        err = lock_folder(s, lock_path, known_pos, message);
    }
    if (err == ERR_NONE) {
        err = make_database(s->path, message);
    }
    free(lock_path);
    return err;
}
