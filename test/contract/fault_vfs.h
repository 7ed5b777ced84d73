/* A file layer of SQLite that tests put between the driver and the disk: it counts and holds up
 * syncs of the write-ahead log, fails them, and lets the disk be full. Calls from any thread. */
#ifndef SWM_TEST_FAULT_VFS_H
#define SWM_TEST_FAULT_VFS_H

#include <stdbool.h>

/* Stores that are opened from now on use it; with no fault set it changes nothing. */
void fault_vfs_install(void);
void fault_vfs_remove(void);
/* Every write fails with SQLITE_FULL while it is set. */
void fault_vfs_set_full(bool is_full);
/* Every sync of a write-ahead log fails as the operating system's would. */
void fault_vfs_fail_syncs(bool fails);
/* While it is held, a sync of a write-ahead log does not return. */
void fault_vfs_hold_syncs(bool holds);
/* Waits until a sync is held; false: none came. */
bool fault_vfs_wait_held(void);
unsigned long fault_vfs_sync_count(void);

#endif
