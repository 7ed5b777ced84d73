/* Reads the documents of a collection that is not swm's, as JSON texts, one after another. The
 * caller waits. Nothing is written. */
#ifndef SWM_STORE_DOCUMENTS_MONGO_H
#define SWM_STORE_DOCUMENTS_MONGO_H

#include "base/err.h"
#include "base/slice.h"

#define DOCUMENTS_MONGO_MESSAGE_BYTES 512

/* The text is valid during the call. False ends the walk. */
typedef bool documents_mongo_take(void *context, struct slice json);

/* In the order of _id. ERR_INVALID: not an address, or it names no database. ERR_STORE: it does not
 * answer within ten seconds. `message` says what is wrong; a password is never in it. */
enum err documents_mongo_read(const char *address, const char *collection,
                              documents_mongo_take *take, void *context,
                              char message[DOCUMENTS_MONGO_MESSAGE_BYTES]) MUST_USE;

#endif
