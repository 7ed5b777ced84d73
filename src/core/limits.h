/* Every limit of swm in one place. A limit hit is a clear error of the one task or request that hit
 * it, and each has a test. Sizes are bytes, lengths of time milliseconds. */
#ifndef SWM_CORE_LIMITS_H
#define SWM_CORE_LIMITS_H

/* Templates */
#define TEMPLATE_BYTES_MAX (1024 * 1024) /* source text */
#define TEMPLATE_DEPTH_MAX 64            /* nesting of the source */
#define TEMPLATE_VALUES_MAX 100000       /* values in the source, aliases expanded */
#define TEMPLATE_ERRORS_MAX 100          /* reported at once */
#define TEMPLATE_ANCHORS_MAX 1000        /* in YAML */
#define STAGES_MAX 1000                  /* of a template */
#define TASKS_MAX 5000                   /* of a template */
#define NEEDS_MAX 200                    /* of a task */
#define NAME_BYTES_MAX 80                /* template, stage, task, queue */
#define EARLIER_NAME_BYTES_MAX 200       /* names in templates of the earlier form */
#define DESCRIPTION_BYTES_MAX 4096
#define DURATION_MS_MAX (3650LL * 24 * 3600 * 1000) /* ten years */
#define RETRY_ATTEMPTS_MAX 1000
#define RETRY_BACKOFF_MAX 1000
#define SCHEMA_DEPTH_MAX 32

/* Data */
#define JSON_DEPTH_MAX 128
#define EVENT_BYTES_MAX (1024 * 1024)         /* one event as it arrives */
#define EVENTS_BATCH_MAX 1000                 /* events in one request */
#define PAYLOAD_BYTES_MAX (256 * 1024)        /* one input, output or result of an expression */
#define PAYLOAD_INLINE_BYTES_MAX (16 * 1024)  /* larger ones are stored once, by digest */
#define MESSAGE_BYTES_MAX (256 * 1024)        /* a task message, serialized */
#define INSTANCE_BYTES_MAX (16 * 1024 * 1024) /* state of one instance: the arena that holds it */
#define KEY_BYTES_MAX 256
#define EVENT_ID_BYTES_MAX 256
#define REASON_BYTES_MAX 1024
#define ERROR_NAME_BYTES_MAX 128
#define ERROR_MESSAGE_BYTES_MAX 4096
#define ACTOR_BYTES_MAX 128
#define SYS_BODY_BYTES_MAX 1024 /* of an arrival that names no instance, kept for the record */
#define EXPR_STEPS_MAX 100000   /* of one evaluation */

/* Engine */
#define RECENT_EVENTS_MAX 256     /* applied event ids an instance remembers */
#define SNAPSHOT_EVERY 256        /* records between two full states in the chain */
#define PENDING_EVENTS_MAX 10000  /* waiting for one instance's commit; more is overload */
#define COMMIT_EVENTS_MAX 64      /* of one instance in one commit */
#define REPEATS_RECORDED_MAX 16   /* identical duplicates or stales in a row; then counted */
#define SYS_RECORDS_PER_S_MAX 50  /* arrivals that name no instance; the surplus is counted */
#define WAKES_PER_ROUND_MAX 256   /* due instances taken per round of the loop */
#define WAKES_PER_TEMPLATE_MAX 64 /* of those, from one template */
#define ROW_FLUSH_MS 200          /* a row is written at most this long after its record */
#define ROW_LAZY_MS 2000          /* the same in a shared store, while nobody looks at a list */
#define ROWS_LAZY_MAX 4096        /* and no more of them at one node */
#define ROW_LOOK_MS 30000         /* somebody looks for so long after the last list */
#define HEARTBEAT_GRACE_MS 30000  /* least grace of running deadlines after a start */
#define CACHE_BYTES_MAX (64 * 1024 * 1024) /* instances in memory */
#define WAKE_WINDOW_MS 60000               /* wake-ups nearer than this are held in memory */
#define WAKE_WINDOW_MAX 100000             /* and at most so many */
#define LIST_LIMIT_MAX 1000
#define FEED_LOOK_MAX 20000       /* events that one page of the feed passes over */
#define INBOX_LOOK_MAX 1000       /* people's tasks that one page of the inbox passes over */
#define INBOX_COUNT_MAX 10000     /* of them counted; then "at least" */
#define LIST_LOOK_MAX 100000      /* instances that one page of a list passes over */
#define FILTER_VALUES_MAX 16      /* of one filter of a list */
#define COUNT_LOOK_MAX 100000     /* instances looked at for a count; then it says "at least" */
#define ACTIVITY_LOOK_MAX 500000  /* starts, and ends, that one answer counts, the newest */
#define ATTENTION_COUNT_MAX 10000 /* late or retrying tasks counted; then "at least" */
#define ATTENTION_LIMIT_DEFAULT 20
#define ATTENTION_RETRY_MS 60000 /* a task that fails and fails is shown after this long */
#define ATTENTION_TRIES 5        /* or after so many attempts */
#define NODE_BEAT_MS 500         /* how often a node that shares its store says that it lives */
#define NODE_SILENT_MS 2000      /* then the others finish its work */
#define NODE_DEAF_MS 5000        /* its store is away for so long: then it refuses at once */
#define NODE_NAME_BYTES_MAX 60   /* of --node; a start adds its suffix */
#define NODES_MAX 256            /* that share a store */
#define TICK_ROWS_MAX 20000      /* due instances that a tick in AWS Lambda looks at */
#define TICK_WAKES_MAX 256       /* of those it wakes so many itself; the rest goes to others */
#define FRESH_MS 1000     /* what another node may have changed is read again after this long */
#define RETENTION_PAGE 32 /* instances removed in one go */
#define RETENTION_EVERY_MS 250  /* while there are more */
#define RETENTION_LOOK_MS 60000 /* else */
#define DUE_ROWS_MAX 1000       /* overdue rows that a node looks at in one go */
#define LIST_LIMIT_DEFAULT 100
#define EVENTS_SCANNED_MAX                                                                         \
    5000 /* records looked at for one page of those that a filter asks for                         \
          */
#define SHARE_MS_DEFAULT (7LL * 24 * 3600 * 1000)
#define SHARE_MS_MAX (90LL * 24 * 3600 * 1000) /* a share link is good for */

/* Defaults of the template language */
#define RETRY_ATTEMPTS_DEFAULT 3
#define RETRY_DELAY_MS_DEFAULT 1000
#define RETRY_BACKOFF_DEFAULT 2
#define RUNNING_TIMEOUT_MS_DEFAULT (24LL * 3600 * 1000) /* queue tasks; human ones have none */

/* Queues (Amazon SQS's own where it has one) */
#define QUEUES_MAX 10000
#define QUEUE_NAME_BYTES_MAX 80
#define QUEUE_ADDRESS_BYTES_MAX 300 /* a queue's ARN or URL in a template */
#define QUEUE_WINDOW_MAX 10000      /* visible task messages of a queue held in memory */
#define QUEUE_FOREIGN_MAX 1000000   /* stored foreign messages of a queue */
#define QUEUE_INFLIGHT_MAX 120000
#define QUEUE_BODY_BYTES_MAX (1024 * 1024)
#define QUEUE_BATCH_MAX 10
#define QUEUE_WAIT_S_MAX 20
#define QUEUE_VISIBILITY_S_MAX 43200
#define QUEUE_VISIBILITY_S_DEFAULT 30
#define QUEUE_DELAY_S_MAX 900
#define QUEUE_RETENTION_S_MIN 60
#define QUEUE_RETENTION_S_MAX (14 * 24 * 3600)
#define QUEUE_RETENTION_S_DEFAULT (4 * 24 * 3600)
#define QUEUE_RECEIVES_MAX 10 /* messages of one receive */
#define MESSAGE_ATTRIBUTES_MAX 10
#define LONG_POLLS_MAX 10000

/* Amazon SQS, where the work queues are there */
#define FAR_QUEUES_MAX 10000                 /* task queues of one process */
#define FAR_BATCH_BYTES_MAX (1024 * 1024)    /* bodies of one SendMessageBatch */
#define FAR_OLD_BATCH_BYTES_MAX (256 * 1024) /* of servers with the limit of before August 2025 */
#define FAR_SENDS_MAX 64                     /* SendMessageBatch requests in flight */
#define FAR_SENDS_PER_QUEUE_MAX 8            /* of those, of one queue */
#define FAR_EVENT_QUEUES_MAX 4               /* that events are read from */
#define FAR_POLLS_MAX 8                      /* receives in flight of one events queue */
#define FAR_EVENTS_MAX 1000                  /* received events without a verdict */
#define FAR_EVENTS_BYTES_MAX (64 * 1024 * 1024) /* their bodies */
#define FAR_EVENT_HIDDEN_S 10                   /* visibility of a received event */
#define FAR_DELETE_AFTER_MS 5                   /* a delete waits so long for others */
#define FAR_ANSWER_BYTES_MAX (32 * 1024 * 1024) /* one answer of Amazon SQS */
#define FAR_TEXT_BYTES_MAX 256                  /* a queue's URL or ARN in a template */
#define FAR_ERROR_BYTES_MAX 512                 /* what is wrong with a queue, in words */
#define FAR_DEPTH_EVERY_MS 10000                /* queue attributes are read at most so often */

/* HTTP */
#define HTTP_CONNECTIONS_MAX 4096
#define HTTP_CONNECTIONS_PER_IP_MAX 4096
#define HTTP_IDLE_S_MAX 60
#define HTTP_HEADER_BYTES_MAX (32 * 1024)
#define HTTP_BODY_BYTES_MAX (4 * 1024 * 1024) /* a request's; an event's own limit is smaller */
#define HTTP_INFLIGHT_BYTES_MAX                                                                    \
    (64 * 1024 * 1024)                 /* bodies being read, all together; more: 503               \
                                        */
#define STREAMS_MAX 1000               /* open event streams */
#define STREAM_BYTES_MAX (1024 * 1024) /* of one stream, not yet read by its client */
#define START_WAIT_S_MAX 60            /* how long the answer to a start may wait for the end */

/* Access */
#define ACCESS_KEYS_MAX 10000    /* revoked and expired ones are kept */
#define ACCESS_TEXT_BYTES_MIN 16 /* of SWM_ADMIN_KEY */
#define ACCESS_TEXT_BYTES_MAX 256

/* AWS Lambda */
#define LAMBDA_EVENT_BYTES_MAX (8 * 1024 * 1024)  /* one invocation; AWS allows 6 MB */
#define LAMBDA_ANSWER_BYTES_MAX (6 * 1024 * 1024) /* its answer, as AWS allows */
#define LAMBDA_TICK_MS_MIN 5000

/* Memory of one unit of work (a request, a step) */
#define WORK_BYTES_MAX (64 * 1024 * 1024)

#endif
