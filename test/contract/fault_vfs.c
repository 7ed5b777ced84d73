/* The file layer with faults. Each file wraps one of the default layer's; all calls go through
 * unless a fault is set. The order of calls is the driver's own: nothing here delays or repeats. */
#include "fault_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 60 /* only a test that hangs waits so long */

struct fault_file {
    sqlite3_file base;
    bool is_wal;
    sqlite3_file *real; /* in the bytes behind this */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool disk_is_full, syncs_fail, syncs_hold, is_held;
static unsigned long syncs;

static sqlite3_vfs shim;
static sqlite3_vfs *below;

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct fault_file *)(void *)f)->real;
}

static int close_file(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int read_file(sqlite3_file *f, void *to, int bytes, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), to, bytes, at);
}

static int write_file(sqlite3_file *f, const void *from, int bytes, sqlite3_int64 at)
{
    pthread_mutex_lock(&lock);
    bool is_full = disk_is_full;
    pthread_mutex_unlock(&lock);
    return is_full ? SQLITE_FULL : real_of(f)->pMethods->xWrite(real_of(f), from, bytes, at);
}

static int truncate_file(sqlite3_file *f, sqlite3_int64 bytes)
{
    return real_of(f)->pMethods->xTruncate(real_of(f), bytes);
}

static int sync_file(sqlite3_file *f, int flags)
{
    bool fails = false;

    if (((struct fault_file *)(void *)f)->is_wal) {
        pthread_mutex_lock(&lock);
        syncs++;
        while (syncs_hold) {
            is_held = true;
            pthread_cond_broadcast(&changed);
            pthread_cond_wait(&changed, &lock);
        }
        is_held = false;
        fails = syncs_fail;
        pthread_mutex_unlock(&lock);
    }
    return fails ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int size_of_file(sqlite3_file *f, sqlite3_int64 *bytes)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), bytes);
}

static int lock_file(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int unlock_file(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int check_reserved(sqlite3_file *f, int *is_reserved)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), is_reserved);
}

static int control_file(sqlite3_file *f, int op, void *argument)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, argument);
}

static int sector_size(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int characteristics(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int shm_map(sqlite3_file *f, int page, int bytes, int extend, void volatile **at)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, bytes, extend, at);
}

static int shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *got)
{
    struct fault_file *file = (struct fault_file *)(void *)f;

    (void)vfs;
    memset(file, 0, sizeof(*file));
    file->real = (sqlite3_file *)(void *)(file + 1);
    file->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    int rc = below->xOpen(below, name, file->real, flags, got);
    file->base.pMethods = file->real->pMethods != NULL ? &methods : NULL;
    return rc;
}

void fault_vfs_install(void)
{
    below = sqlite3_vfs_find(NULL);
    shim = *below;
    shim.zName = "fault";
    shim.pNext = NULL;
    shim.szOsFile = (int)sizeof(struct fault_file) + below->szOsFile;
    shim.xOpen = open_file;
    sqlite3_vfs_register(&shim, 1);
}

void fault_vfs_remove(void)
{
    fault_vfs_set_full(false);
    fault_vfs_fail_syncs(false);
    fault_vfs_hold_syncs(false);
    sqlite3_vfs_unregister(&shim);
    sqlite3_vfs_register(below, 1);
}

static void set(bool *what, bool value)
{
    pthread_mutex_lock(&lock);
    *what = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void fault_vfs_set_full(bool is_full)
{
    set(&disk_is_full, is_full);
}

void fault_vfs_fail_syncs(bool fails)
{
    set(&syncs_fail, fails);
}

void fault_vfs_hold_syncs(bool holds)
{
    set(&syncs_hold, holds);
}

bool fault_vfs_wait_held(void)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&lock);
    while (!is_held && rc == 0) {
        rc = pthread_cond_timedwait(&changed, &lock, &until);
    }
    pthread_mutex_unlock(&lock);
    return rc == 0;
}

unsigned long fault_vfs_sync_count(void)
{
    pthread_mutex_lock(&lock);
    unsigned long count = syncs;
    pthread_mutex_unlock(&lock);
    return count;
}
