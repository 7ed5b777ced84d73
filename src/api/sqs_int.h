/* What the files of the SQS front share:
 *
 *   sqs.c            what is let in, the table of actions, the address of a queue
 *   sqs_auth.c       whose signature a request has
 *   sqs_fault.c      errors as Amazon SQS words them, and answers
 *   sqs_check.c      messages and their attributes: rules and digests; pure
 *   sqs_batch.c      requests of one entry and of many, as one
 *   sqs_queue.c      actions on queues
 *   sqs_attribute.c  attributes of queues
 *   sqs_send.c       sending, events too
 *   sqs_receive.c    receiving
 *   sqs_delete.c     deleting and changing visibility
 */
#ifndef SWM_API_SQS_INT_H
#define SWM_API_SQS_INT_H

#include "api/sqs.h"
#include "base/hash.h"
#include "base/json.h"
#include "core/limits.h"

#define SQS_ACCOUNT "000000000000"
#define SQS_REGION "us-east-1"
#define SQS_TYPE "application/x-amz-json-1.0"
#define SQS_UUID_CHARS 36
#define SQS_MD5_CHARS 32

/* `code` goes into the header x-amzn-query-error, `shape` into __type; the space is the namespace.
 *
 *        symbol              space  shape, code, status, whether the sender is at fault */
#define SQS_FAULT_TABLE(X)                                                                         \
    X(SQS_OK, SQS, "", "", 200, true)                                                              \
    X(SQS_NO_QUEUE, SQS, "QueueDoesNotExist", AWS "NonExistentQueue", 400, true)                   \
    X(SQS_QUEUE_EXISTS, SQS, "QueueNameExists", "QueueAlreadyExists", 400, true)                   \
    X(SQS_TOO_MANY, SQS, "TooManyEntriesInBatchRequest", AWS "TooManyEntriesInBatchRequest", 400,  \
      true)                                                                                        \
    X(SQS_BATCH_TOO_LONG, SQS, "BatchRequestTooLong", AWS "BatchRequestTooLong", 400, true)        \
    X(SQS_BAD_BATCH_ID, SQS, "InvalidBatchEntryId", AWS "InvalidBatchEntryId", 400, true)          \
    X(SQS_SAME_BATCH_ID, SQS, "BatchEntryIdsNotDistinct", AWS "BatchEntryIdsNotDistinct", 400,     \
      true)                                                                                        \
    X(SQS_EMPTY_BATCH, SQS, "EmptyBatchRequest", AWS "EmptyBatchRequest", 400, true)               \
    X(SQS_NOT_IN_FLIGHT, SQS, "MessageNotInflight", AWS "MessageNotInflight", 400, true)           \
    X(SQS_UNSUPPORTED, SQS, "UnsupportedOperation", AWS "UnsupportedOperation", 400, true)         \
    X(SQS_OVER_LIMIT, SQS, "OverLimit", "OverLimit", 403, true)                                    \
    X(SQS_BAD_RECEIPT, SQS, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 400, true)         \
    X(SQS_BAD_CONTENTS, SQS, "InvalidMessageContents", "InvalidMessageContents", 400, true)        \
    X(SQS_BAD_ADDRESS, SQS, "InvalidAddress", "InvalidAddress", 400, true)                         \
    X(SQS_BAD_ATTRIBUTE_NAME, SQS, "InvalidAttributeName", "InvalidAttributeName", 400, true)      \
    X(SQS_BAD_ATTRIBUTE_VALUE, SQS, "InvalidAttributeValue", "InvalidAttributeValue", 400, true)   \
    X(SQS_MISSING, CORAL, "MissingRequiredParameterException", "MissingParameter", 400, true)      \
    X(SQS_BAD_VALUE, CORAL, "InvalidParameterValueException", "InvalidParameterValue", 400, true)  \
    X(SQS_BAD_JSON, CORAL, "SerializationException", "SerializationException", 400, true)          \
    X(SQS_NO_ACTION, CORAL, "UnknownOperationException", "InvalidAction", 400, true)               \
    X(SQS_NOT_SIGNED, CORAL, "MissingAuthenticationTokenException", "MissingAuthenticationToken",  \
      403, true)                                                                                   \
    X(SQS_BAD_CLAIM, CORAL, "IncompleteSignatureException", "IncompleteSignature", 403, true)      \
    X(SQS_BAD_KEY, CORAL, "UnrecognizedClientException", "InvalidClientTokenId", 403, true)        \
    X(SQS_BAD_SIGNATURE, CORAL, "InvalidSignatureException", "SignatureDoesNotMatch", 403, true)   \
    X(SQS_DENIED, CORAL, "AccessDeniedException", "AccessDenied", 403, true)                       \
    X(SQS_UNAVAILABLE, CORAL, "ServiceUnavailable", "ServiceUnavailable", 503, false)              \
    X(SQS_INTERNAL, CORAL, "InternalFailure", "InternalFailure", 500, false)

enum sqs_code {
#define X(symbol, space, shape, code, status, sender) symbol,
    SQS_FAULT_TABLE(X)
#undef X
        SQS_CODE_COUNT
};

struct sqs_fault { /* SQS_OK: none */
    enum sqs_code code;
    struct slice message;
};

struct sqs_front {
    struct sqs_config config;
    struct auth *auth;
    uint64_t ids_made;
};

struct sqs_call { /* lives in the request's arena */
    struct sqs_front *front;
    struct http_request *request;
    yyjson_val *input;  /* an object */
    struct slice queue; /* the name, where the action has a queue */
    bool is_batch;
};

/* --- sqs.c --- */
/* A UUID: of `from` where that is there, else a random one. */
struct slice sqs_make_id(struct sqs_front *s, struct arena *a, struct slice from);
void sqs_write_url(struct sqs_call *c, struct json_out *o, struct slice queue);
/* Fills c->queue from QueueUrl. False: it has been answered. */
bool sqs_take_queue(struct sqs_call *c);

/* --- sqs_auth.c --- */
/* Finds out who asks where the server wants to know. False: it has been answered. */
bool sqs_auth_check(struct sqs_call *c);

/* --- sqs_fault.c --- */
struct sqs_fault sqs_fault_of(enum err err);
const char *sqs_fault_code(enum sqs_code code); /* as in x-amzn-query-error and Failed[].Code */
bool sqs_fault_is_senders(enum sqs_code code);
/* Sets *fault and returns false. */
bool sqs_fault_set(struct arena *a, struct sqs_fault *fault, enum sqs_code code, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
void sqs_fail(struct sqs_call *c, const struct sqs_fault *fault);
void sqs_fail_as(struct sqs_call *c, enum sqs_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sqs_reply(struct sqs_call *c, const struct json_out *o);
void sqs_reply_empty(struct sqs_call *c);
/* For actions without an output: context is the call. */
queue_front_done sqs_reply_done;

/* --- sqs_check.c: pure --- */
struct sqs_attribute { /* of a message */
    struct slice name, type;
    struct slice text; /* as in JSON: the string, or base64 */
    struct slice raw;  /* the bytes */
    bool is_binary;
};
struct sqs_attributes {
    struct sqs_attribute *items; /* in order of name */
    size_t count;
};
enum sqs_attributes_kind { SQS_OF_USER, SQS_OF_SYSTEM };
/* `map` NULL: none. */
bool sqs_attributes_read(struct arena *a, yyjson_val *map, enum sqs_attributes_kind kind,
                         struct sqs_attributes *out, struct sqs_fault *fault);
void sqs_attributes_write(struct json_out *o, const struct sqs_attributes *attributes);
size_t sqs_attributes_bytes(const struct sqs_attributes *attributes);
struct slice sqs_attributes_md5(struct arena *a, const struct sqs_attributes *attributes);
struct slice sqs_md5(struct arena *a, struct slice s);
/* Those that a list of names asks for: names, "All", ".*", "prefix.*". */
struct sqs_attributes sqs_attributes_asked(struct arena *a, const struct sqs_attributes *attributes,
                                           yyjson_val *names);
bool sqs_is_content(struct slice s); /* characters that a body may have; s is UTF-8 */
/* A whole number of the input within a range; absent: `value` stays. */
struct sqs_number {
    const char *name;
    int64_t least, most, value;
};
bool sqs_take_number(struct arena *a, yyjson_val *input, struct sqs_number *n,
                     struct sqs_fault *fault);

/* --- sqs_batch.c --- */
struct sqs_batch;
struct sqs_entry {
    struct sqs_batch *batch;
    struct slice id; /* of a batch */
    yyjson_val *input;
    struct sqs_fault fault;
    void *data; /* the action's */
};
struct sqs_batch {
    struct sqs_call *call;
    struct sqs_entry *entries;
    uint32_t count, left; /* left: unanswered, and one while they are begun */
    void (*write)(struct json_out *o, const struct sqs_entry *e); /* members; NULL: none */
};
/* Entries of a request: those of a batch after its rules, or the request itself. Pure. */
bool sqs_batch_read(struct arena *a, struct sqs_call *c, struct sqs_batch *out,
                    struct sqs_fault *fault);
/* The same, and answers what is wrong. NULL: answered. */
struct sqs_batch *sqs_batch_begin(struct sqs_call *c,
                                  void (*write)(struct json_out *o, const struct sqs_entry *e));
void sqs_batch_done(struct sqs_batch *b, uint32_t count); /* so many more are answered */
/* An entry is answered: context is the entry. */
queue_front_done sqs_entry_done;

/* --- sqs_attribute.c --- */
/* Attributes that can be set, as JSON for the queues. `c` is answered where false. */
bool sqs_take_settings(struct sqs_call *c, struct slice *json);
void sqs_get_attributes(struct sqs_call *c);
void sqs_set_attributes(struct sqs_call *c);

/* --- actions --- */
void sqs_create_queue(struct sqs_call *c);
void sqs_delete_queue(struct sqs_call *c);
void sqs_list_queues(struct sqs_call *c);
void sqs_get_queue_url(struct sqs_call *c);
void sqs_purge_queue(struct sqs_call *c);
void sqs_send_message(struct sqs_call *c);
void sqs_receive_message(struct sqs_call *c);
void sqs_delete_message(struct sqs_call *c);
void sqs_change_visibility(struct sqs_call *c);

#endif
