/* What is kept beside instances: payloads, templates, queues, foreign messages, and names with one
 * value for ever. */
#include "contract.h"

#include <string.h>

CONTRACT(ALL, a_payload_is_stored_once_and_found_by_its_digest)
{
    static const char binary[] = "\x00\xff payload";
    struct store_payload in[2] = {{.digest = {1}, .text = SLICE("first")},
                                  {.digest = {2}, .text = {binary, sizeof(binary) - 1}}};
    struct store_payload out[3] = {{.digest = {2}}, {.digest = {3}}, {.digest = {1}}};
    struct store_request *c = rig_commit(t, "a", 1, 1), *rows = rig_request(t, STORE_ROWS);
    struct store_request *r = rig_request(t, STORE_PAYLOADS);

    c->payloads = in;
    c->payload_count = 1;
    CHECK(rig_do(t, c) == ERR_NONE);
    in[0].text = SLICE("never stored");
    rows->payloads = in;
    rows->payload_count = 2;
    CHECK(rig_do(t, rows) == ERR_NONE);
    r->payloads = out;
    r->payload_count = 3;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(slice_eq(out[0].text, in[1].text));
    CHECK(out[1].text.at == NULL);
    CHECK(slice_eq_text(out[2].text, "first"));
}

static enum err put_template(struct rig *t, const char *name, int64_t version, const char *alias)
{
    struct store_request *r = rig_request(t, STORE_TEMPLATE_PUT);

    r->templates = arena_alloc(&t->arena, sizeof(*r->templates));
    r->template_count = 1;
    r->templates[0] = (struct store_template){
        .name = slice_of(name),
        .alias = slice_of(alias),
        .version = version,
        .digest_hex = SLICE("abcd"),
        .source = rig_text(t, "name: %s", name),
        .applied_by = SLICE("me"),
        .applied_at_ms = 42,
    };
    return rig_do(t, r);
}

CONTRACT(ALL, templates_are_kept_in_every_version)
{
    struct store_request *r = rig_request(t, STORE_TEMPLATES);

    CHECK(put_template(t, "pizza", 2, NULL) == ERR_NONE);
    CHECK(put_template(t, "pizza", 1, NULL) == ERR_NONE);
    CHECK(put_template(t, "pasta", 1, NULL) == ERR_NONE);
    rig_reopen(t);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->template_count == 3);
    CHECK(slice_eq_text(r->templates[0].name, "pasta"));
    CHECK(r->templates[1].version == 1 && r->templates[2].version == 2);
    CHECK(slice_eq_text(r->templates[2].source, "name: pizza"));
    CHECK(slice_eq_text(r->templates[2].applied_by, "me") && r->templates[2].note.at == NULL);
    CHECK(slice_eq_text(r->templates[2].digest_hex, "abcd"));
    CHECK(r->templates[2].applied_at_ms == 42 && r->templates[2].alias.at == NULL);
}

CONTRACT(ALL, templates_applied_since_a_time_are_found)
{
    struct store_request *r = rig_request(t, STORE_TEMPLATES);

    CHECK(put_template(t, "pizza", 1, NULL) == ERR_NONE);
    r->at_ms = 42;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->template_count == 1 && slice_eq_text(r->templates[0].name, "pizza"));
    r->at_ms = 43;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->template_count == 0);
}

CONTRACT(ALL, a_version_is_never_replaced)
{
    CHECK(put_template(t, "pizza", 1, NULL) == ERR_NONE);
    CHECK(put_template(t, "pizza", 1, NULL) == ERR_CONFLICT);
}

CONTRACT(ALL, an_alias_belongs_to_one_name)
{
    CHECK(put_template(t, "pizza", 1, "ITALIAN") == ERR_NONE);
    CHECK(put_template(t, "pizza", 2, "ITALIAN") == ERR_NONE);
    CHECK(put_template(t, "pasta", 1, "ITALIAN") == ERR_EXISTS);
    CHECK(put_template(t, "pasta", 1, "OTHER") == ERR_NONE);
}

static enum err put_queue(struct rig *t, const char *name, const char *attributes)
{
    struct store_request *r = rig_request(t, STORE_QUEUE_PUT);

    r->queues = arena_alloc(&t->arena, sizeof(*r->queues));
    r->queue_count = 1;
    r->queues[0] = (struct store_queue){slice_of(name), slice_of(attributes), 5, 6};
    return rig_do(t, r);
}

static enum err put_message(struct rig *t, const char *queue, const char *id, const char *body)
{
    struct store_request *r = rig_request(t, STORE_MESSAGE_PUT);

    r->messages = arena_alloc(&t->arena, sizeof(*r->messages));
    r->message_count = 1;
    r->messages[0] =
        (struct store_message){slice_of(queue), slice_of(id), slice_of(body), SLICE_NONE, 10, 20};
    return rig_do(t, r);
}

static enum err drop_by_name(struct rig *t, enum store_op op, const char *name)
{
    struct store_request *r = rig_request(t, op);

    r->id = slice_of(name);
    return rig_do(t, r);
}

static uint32_t count_messages(struct rig *t, const char *queue)
{
    struct store_request *r = rig_request(t, STORE_MESSAGES);

    r->id = slice_of(queue);
    CHECK(rig_do(t, r) == ERR_NONE);
    return r->message_count;
}

CONTRACT(ALL, a_queue_is_put_changed_and_deleted_with_its_messages)
{
    struct store_request *r = rig_request(t, STORE_QUEUES);

    CHECK(put_queue(t, "food", "{}") == ERR_NONE);
    CHECK(put_queue(t, "drinks", NULL) == ERR_NONE);
    CHECK(put_queue(t, "food", "{\"DelaySeconds\":\"1\"}") == ERR_NONE);
    CHECK(put_message(t, "food", "m", "x") == ERR_NONE);
    CHECK(put_message(t, "drinks", "m", "x") == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->queue_count == 2 && slice_eq_text(r->queues[0].name, "drinks"));
    CHECK(r->queues[0].attributes.at == NULL);
    CHECK(slice_eq_text(r->queues[1].attributes, "{\"DelaySeconds\":\"1\"}"));
    CHECK(r->queues[1].created_at_ms == 5 && r->queues[1].modified_at_ms == 6);
    CHECK(drop_by_name(t, STORE_QUEUE_DELETE, "food") == ERR_NONE);
    CHECK(drop_by_name(t, STORE_QUEUE_DELETE, "food") == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->queue_count == 1);
    CHECK(count_messages(t, "food") == 0 && count_messages(t, "drinks") == 1);
}

CONTRACT(ALL, foreign_messages_come_oldest_first_and_go_one_by_one)
{
    struct store_request *r = rig_request(t, STORE_MESSAGES);
    struct store_request *d = rig_request(t, STORE_MESSAGE_DELETE);

    for (int i = 0; i < 5; i++) {
        const char *id = rig_text(t, "m%d%c", 9 - i, 0).at;
        CHECK(put_message(t, "q", id, i == 0 ? "" : "body") == ERR_NONE);
    }
    r->id = SLICE("q");
    r->limit = 2;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->message_count == 2 && slice_eq_text(r->messages[0].id, "m9"));
    CHECK(r->messages[0].body.at != NULL && r->messages[0].body.len == 0);
    CHECK(r->messages[0].attributes.at == NULL);
    CHECK(r->messages[1].sent_at_ms == 10 && r->messages[1].visible_at_ms == 20);
    d->messages = r->messages;
    d->message_count = 2;
    CHECK(rig_do(t, d) == ERR_NONE);
    r->after = r->next;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->message_count == 2 && slice_eq_text(r->messages[0].id, "m7"));
    r->after = r->next;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->message_count == 1 && slice_eq_text(r->messages[0].id, "m5") && r->next.at == NULL);
}

CONTRACT(ALL, a_message_that_is_put_again_is_not_doubled)
{
    CHECK(put_message(t, "q", "m", "one") == ERR_NONE);
    CHECK(put_message(t, "q", "m", "one") == ERR_NONE);
    CHECK(put_message(t, "other", "m", "one") == ERR_NONE);
    CHECK(count_messages(t, "q") == 1);
}

CONTRACT(ALL, a_cursor_never_passes_over_a_message_that_came_later)
{
    struct store_request *r = rig_request(t, STORE_MESSAGES);

    CHECK(put_message(t, "q", "a", "x") == ERR_NONE);
    CHECK(put_message(t, "q", "b", "x") == ERR_NONE);
    r->id = SLICE("q");
    r->limit = 1;
    CHECK(rig_do(t, r) == ERR_NONE);
    r->after = r->next;
    CHECK(drop_by_name(t, STORE_PURGE, "q") == ERR_NONE);
    CHECK(put_message(t, "q", "c", "x") == ERR_NONE);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->message_count == 1 && slice_eq_text(r->messages[0].id, "c"));
}

CONTRACT(ALL, a_purge_empties_one_queue)
{
    CHECK(put_message(t, "q", "a", "x") == ERR_NONE);
    CHECK(put_message(t, "q", "b", "x") == ERR_NONE);
    CHECK(put_message(t, "other", "a", "x") == ERR_NONE);
    CHECK(drop_by_name(t, STORE_PURGE, "q") == ERR_NONE);
    CHECK(count_messages(t, "q") == 0 && count_messages(t, "other") == 1);
}

CONTRACT(ALL, the_first_value_of_a_name_stays)
{
    struct store_request *r = rig_request(t, STORE_META);

    r->id = SLICE("node");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->value.at == NULL);
    r->key = SLICE("one");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(slice_eq_text(r->value, "one"));
    r->key = SLICE("two");
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(slice_eq_text(r->value, "one"));
    rig_reopen(t);
    r->key = SLICE_NONE;
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(slice_eq_text(r->value, "one"));
}

static enum err put_key(struct rig *t, const char *id, const char *body)
{
    struct store_request *r = rig_request(t, STORE_KEY_PUT);

    r->keys = arena_alloc(&t->arena, sizeof(*r->keys));
    r->key_count = 1;
    r->keys[0] = (struct store_key){slice_of(id), slice_of(body)};
    return rig_do(t, r);
}

CONTRACT(ALL, access_keys_are_kept_and_changed)
{
    struct store_request *r = rig_request(t, STORE_KEYS);

    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->key_count == 0);
    CHECK(put_key(t, "k2", "{\"role\":\"admin\"}") == ERR_NONE);
    CHECK(put_key(t, "k1", "{}") == ERR_NONE);
    CHECK(put_key(t, "k2", "{\"role\":\"viewer\"}") == ERR_NONE);
    rig_reopen(t);
    CHECK(rig_do(t, r) == ERR_NONE);
    CHECK(r->key_count == 2 && slice_eq_text(r->keys[0].id, "k1"));
    CHECK(slice_eq_text(r->keys[1].body, "{\"role\":\"viewer\"}"));
}
