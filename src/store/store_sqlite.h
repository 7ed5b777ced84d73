/* The store in one SQLite file, for one process.
 *
 * Two threads: a writer, whose connection does all writes and checkpoints, and a reader, whose
 * connection can only read. The writer takes what has gathered while the disk was syncing and makes
 * it one transaction (group commit). A third thread sleeps until a backup is asked for. */
#ifndef SWM_STORE_STORE_SQLITE_H
#define SWM_STORE_STORE_SQLITE_H

#include "port/store.h"

#define STORE_SQLITE_FORMAT 2 /* of the tables; PRAGMA user_version */
#define STORE_SQLITE_MESSAGE_BYTES 512

/* Opens the data folder `dir`, which is made (0700) where it is missing, and the file swm.db in it.
 * ERR_BUSY: another process has it open. ERR_NEWER: a later version of swm wrote it. ERR_CORRUPT:
 * it fails its own checks, or records that had been acknowledged are missing. ERR_IO, ERR_STORE,
 * ERR_DISK_FULL, ERR_MEMORY. `message` says what is wrong in a sentence for the user. */
enum err store_sqlite_open(const char *dir, struct store **out,
                           char message[STORE_SQLITE_MESSAGE_BYTES]) MUST_USE;

#endif
