/* A backup of the SQLite store: one consistent copy in a new file, while writing goes on. It has a
 * connection of its own, so that a long copy holds up neither commits nor reads; the write-ahead
 * log cannot start anew until the copy is done. The copy is made under another name and gets its
 * own only when it is whole and synced. */
#include "store/store_sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err err = fd < 0 || fsync(fd) != 0 ? ERR_IO : ERR_NONE;

    if (fd >= 0) {
        close(fd);
    }
    return err;
}

static enum err copy_database(const char *from, const char *to)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    enum err err = schema_open_reader(from, &db);

    if (err == ERR_NONE) {
        int rc = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &stmt, NULL);
        if (rc == SQLITE_OK) {
            rc = sqlite3_bind_text(stmt, 1, to, -1, SQLITE_STATIC);
        }
        if (rc == SQLITE_OK) {
            sqlite3_step(stmt);
        }
        rc = sqlite3_finalize(stmt);
        err = sqlite_err(db, rc);
    }
    sqlite3_close(db);
    return err;
}

/* An empty file of mode 0600 for SQLite to fill; what an earlier attempt left goes first. */
static enum err make_part(const char *part)
{
    unlink(part);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
    }
    close(fd);
    return ERR_NONE;
}

static enum err back_up(const struct store_sqlite *s, struct arena *a, struct slice name)
{
    const char *file = slice_text(a, name);
    size_t part_bytes = name.len + sizeof(".part");
    char *part = arena_alloc(a, part_bytes);
    struct stat st;

    snprintf(part, part_bytes, "%s.part", file);
    if (lstat(file, &st) == 0) {
        return ERR_EXISTS;
    }
    enum err err = make_part(part);
    if (err != ERR_NONE) {
        return err;
    }
    err = copy_database(s->path, part);
    if (err == ERR_NONE) {
        err = sync_file(part);
    }
    if (err == ERR_NONE && rename(part, file) != 0) {
        err = ERR_IO;
    }
    if (err != ERR_NONE) {
        unlink(part);
        return err;
    }
    return folder_sync_parent(file);
}

void backup_request(struct lane *l, struct store_request *r)
{
    jmp_buf edge;
    jmp_buf *const outer = r->arena->edge;

    r->arena->edge = &edge;
    if (setjmp(edge) == 0) {
        r->err = back_up(l->store, r->arena, r->id);
    } else {
        r->err = ERR_MEMORY;
    }
    r->arena->edge = outer;
}
