/* What a worker does with receipts: deleting, and changing visibility, one or many. Before it
 * stands sqs_batch.c, which splits and answers; after it the queues. */
#include "api/sqs_int.h"

/* Empty: there is none, and the entry's fault says so. */
static struct slice receipt_of(struct sqs_entry *e)
{
    struct slice receipt = json_get_text(e->input, "ReceiptHandle");
    if (receipt.len == 0)
        e->fault = (struct sqs_fault){
            SQS_MISSING, SLICE("The request must contain the parameter ReceiptHandle.")};
    return receipt;
}

static struct sqs_fault bad_receipt(void)
{
    return (struct sqs_fault){SQS_BAD_RECEIPT, SLICE("The input receipt handle is invalid.")};
}

/* --- deleting --- */

static void take_removed(void *context, enum err err, struct slice detail)
{
    struct sqs_entry *e = context;
    if (err != ERR_INVALID) {
        sqs_entry_done(e, err, detail);
        return;
    }
    e->fault = bad_receipt();
    sqs_batch_done(e->batch, 1);
}

void sqs_delete_message(struct sqs_call *c)
{
    struct queue_front *queues = c->front->config.queues;
    struct sqs_batch *b = sqs_batch_begin(c, NULL);
    uint32_t refused = 1;
    if (b == NULL)
        return;
    for (uint32_t i = 0; i < b->count; i++) {
        struct sqs_entry *e = &b->entries[i];
        struct slice receipt = receipt_of(e);
        if (receipt.len == 0)
            refused++;
        else
            queues->ops->remove(queues, c->queue, receipt, take_removed, e);
    }
    sqs_batch_done(b, refused);
}

/* --- visibility --- */

static struct sqs_fault fault_of_change(struct arena *a, enum err err, int64_t seconds)
{
    struct sqs_fault fault = sqs_fault_of(err);
    if (err == ERR_INVALID)
        fault = bad_receipt();
    if (err == ERR_REFUSED)
        fault = (struct sqs_fault){SQS_NOT_IN_FLIGHT,
                                   SLICE("The message referred to is not in flight.")};
    if (err == ERR_TOO_LARGE)
        (void)sqs_fault_set(a, &fault, SQS_BAD_VALUE,
                            "Value %lld for parameter VisibilityTimeout is invalid. Reason: Total "
                            "VisibilityTimeout for the message is beyond the limit [%d seconds].",
                            (long long)seconds, QUEUE_VISIBILITY_S_MAX);
    return fault;
}

static void change(struct sqs_call *c, struct sqs_entry *e)
{
    struct queue_front *queues = c->front->config.queues;
    struct arena *a = http_arena(c->request);
    struct sqs_number seconds = {"VisibilityTimeout", 0, QUEUE_VISIBILITY_S_MAX, -1};
    struct slice receipt = receipt_of(e);
    if (receipt.len == 0 || !sqs_take_number(a, e->input, &seconds, &e->fault))
        return;
    if (seconds.value < 0) {
        (void)sqs_fault_set(a, &e->fault, SQS_MISSING,
                            "The request must contain the parameter VisibilityTimeout.");
        return;
    }
    enum err err = queues->ops->set_visibility(queues, c->queue, receipt, seconds.value * 1000);
    e->fault = fault_of_change(a, err, seconds.value);
}

void sqs_change_visibility(struct sqs_call *c)
{
    struct sqs_batch *b = sqs_batch_begin(c, NULL);
    if (b == NULL)
        return;
    for (uint32_t i = 0; i < b->count; i++)
        change(c, &b->entries[i]);
    sqs_batch_done(b, b->left);
}
