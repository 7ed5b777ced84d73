/* The rules of the SQS protocol that need no server: digests, attributes, numbers, batches. */
#include "api/sqs_int.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct arena arena;

static yyjson_val *parse(const char *json)
{
    yyjson_val *root = NULL;
    arena_drop(&arena);
    arena_init(&arena, 64u * 1024 * 1024);
    CHECK(json_read(&arena, slice_of(json), 1024 * 1024, 64, NULL, &root) == ERR_NONE);
    return root;
}

static enum sqs_code read_attributes(const char *json, struct sqs_attributes *out)
{
    struct sqs_fault fault = {.code = SQS_OK};
    bool is_good = sqs_attributes_read(&arena, parse(json), SQS_OF_USER, out, &fault);
    CHECK(is_good == (fault.code == SQS_OK));
    return fault.code;
}

static bool has_md5(const char *json, const char *md5)
{
    struct sqs_attributes a;
    return read_attributes(json, &a) == SQS_OK &&
           slice_eq_text(sqs_attributes_md5(&arena, &a), md5);
}

#define TEXT "\"attribName1\":{\"DataType\":\"String\",\"StringValue\":\"attribValue 1\"}"
#define NUMBER                                                                                     \
    "\"customNumberTypeAttrib\":{\"DataType\":\"Number.float\","                                   \
    "\"StringValue\":\"4563442423554324324264524243.32543234\"}"
#define BINARY                                                                                     \
    "\"binaryAttribute\":{\"DataType\":\"Binary\","                                                \
    "\"BinaryValue\":\"SGVsbG8gYmluYXJ5IHdvcmxkIQ==\"}"

TEST(digests_of_message_attributes_are_those_that_sdks_compute)
{
    CHECK(has_md5("{" TEXT "}", "19e27d4e946b072f3f58da80d94fd778"));
    CHECK(has_md5("{" NUMBER "}", "9fe1b90bbd9965bdf77bac517c7d2495"));
    CHECK(has_md5("{" BINARY "}", "31a92b15d92f8db860eda32aceb656c3"));
    CHECK(has_md5("{" TEXT "," NUMBER "," BINARY "}", "c932db14a896c663f83c260297d594ff"));
    CHECK(has_md5("{" BINARY "," TEXT "," NUMBER "}", "c932db14a896c663f83c260297d594ff"));
    CHECK(has_md5("{\"a\":{\"DataType\":\"String\",\"StringValue\":\"b\"}}",
                  "bef8bf215374a0a228d67533b1a488be"));
    CHECK(
        slice_eq_text(sqs_md5(&arena, SLICE("h\xc3\xa9llo")), "be50e8478cf24ff3595bc7307fb91b50"));
}

/* One attribute of this name, type and value. */
static enum sqs_code read_one(const char *name, const char *type, const char *value)
{
    char json[2048];
    struct sqs_attributes out;
    (void)snprintf(json, sizeof json, "{\"%s\":{\"DataType\":\"%s\",\"%sValue\":\"%s\"}}", name,
                   type, strncmp(type, "Binary", 6) == 0 ? "Binary" : "String", value);
    return read_attributes(json, &out);
}

TEST(names_of_message_attributes_follow_the_rules)
{
    char name[258] = "";
    memset(name, 'n', 256);
    CHECK(read_one(name, "String", "x") == SQS_OK);
    name[256] = 'n';
    CHECK(read_one(name, "String", "x") == SQS_BAD_VALUE);
    CHECK(read_one("a.b-c_1", "String", "x") == SQS_OK);
    CHECK(read_one("", "String", "x") == SQS_BAD_VALUE);
    CHECK(read_one(".a", "String", "x") == SQS_BAD_VALUE);
    CHECK(read_one("a.", "String", "x") == SQS_BAD_VALUE);
    CHECK(read_one("a..b", "String", "x") == SQS_BAD_VALUE);
    CHECK(read_one("a b", "String", "x") == SQS_BAD_VALUE);
    CHECK(read_one("AWS.a", "String", "x") == SQS_BAD_VALUE);
    CHECK(read_one("amazon.a", "String", "x") == SQS_BAD_VALUE);
    CHECK(read_one("AWSa", "String", "x") == SQS_OK);
}

TEST(types_and_values_of_message_attributes_follow_the_rules)
{
    CHECK(read_one("a", "String.label", "x") == SQS_OK);
    CHECK(read_one("a", "Stringy", "x") == SQS_BAD_VALUE);
    CHECK(read_one("a", "", "x") == SQS_BAD_VALUE);
    CHECK(read_one("a", "String", "") == SQS_BAD_VALUE);
    CHECK(read_one("a", "String", "\\u0000") == SQS_BAD_VALUE);
    CHECK(read_one("a", "Number", "-12.5e+3") == SQS_OK);
    CHECK(read_one("a", "Number", "12a") == SQS_BAD_VALUE);
    CHECK(read_one("a", "Number", ".") == SQS_BAD_VALUE);
    CHECK(read_one("a", "Number", "1.2.3") == SQS_BAD_VALUE);
    CHECK(read_one("a", "Binary", "AAE=") == SQS_OK);
    CHECK(read_one("a", "Binary", "A") == SQS_BAD_JSON);
    struct sqs_attributes out;
    CHECK(read_attributes("{\"a\":{\"DataType\":\"String\",\"StringListValues\":[\"x\"]}}", &out) ==
          SQS_UNSUPPORTED);
    CHECK(read_attributes("[]", &out) == SQS_BAD_JSON);
}

static struct slice write_many(size_t count)
{
    struct json_out o = json_out_new(&arena, 65536);
    char name[32];
    json_object(&o);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "n%zu", i);
        json_put_raw(&o, name, SLICE("{\"DataType\":\"String\",\"StringValue\":\"x\"}"));
    }
    json_object_end(&o);
    return json_out_slice(&o);
}

TEST(a_message_has_ten_attributes_and_no_more)
{
    struct sqs_attributes out;
    struct arena texts;
    for (size_t count = 10; count <= 11; count++) {
        (void)parse("{}");
        arena_init(&texts, 65536);
        const char *json = slice_text(&texts, write_many(count));
        CHECK(read_attributes(json, &out) == (count == 10 ? SQS_OK : SQS_BAD_VALUE));
        arena_drop(&texts);
    }
}

TEST(a_receive_gets_the_attributes_it_asks_for)
{
    struct sqs_attributes all;
    const char *json = "{\"map\":{\"foo.a\":{\"DataType\":\"String\",\"StringValue\":\"1\"},"
                       "\"foo.b\":{\"DataType\":\"String\",\"StringValue\":\"2\"},"
                       "\"bar\":{\"DataType\":\"String\",\"StringValue\":\"3\"}},"
                       "\"all\":[\"All\"],\"star\":[\".*\"],\"foo\":[\"foo.*\"],\"bar\":[\"bar\"],"
                       "\"none\":[\"baz\"],\"empty\":[]}";
    yyjson_val *root = parse(json);
    struct sqs_fault fault;
    CHECK(sqs_attributes_read(&arena, json_get(root, "map"), SQS_OF_USER, &all, &fault));
    CHECK(sqs_attributes_asked(&arena, &all, json_get(root, "all")).count == 3);
    CHECK(sqs_attributes_asked(&arena, &all, json_get(root, "star")).count == 3);
    CHECK(sqs_attributes_asked(&arena, &all, json_get(root, "foo")).count == 2);
    CHECK(sqs_attributes_asked(&arena, &all, json_get(root, "none")).count == 0);
    CHECK(sqs_attributes_asked(&arena, &all, json_get(root, "empty")).count == 0);
    CHECK(sqs_attributes_asked(&arena, &all, json_get(root, "absent")).count == 0);
    struct sqs_attributes bar = sqs_attributes_asked(&arena, &all, json_get(root, "bar"));
    CHECK(bar.count == 1 && slice_eq_text(bar.items[0].name, "bar"));
}

TEST(a_body_may_have_the_characters_of_xml_and_no_others)
{
    CHECK(sqs_is_content(SLICE("tab\t line\r\n \xc3\xa9 \xef\xbf\xbd \xf0\x9f\x8d\x95")));
    CHECK(!sqs_is_content(SLICE("\x01")));
    CHECK(!sqs_is_content((struct slice){"a\0b", 3}));
    CHECK(!sqs_is_content(SLICE("\xef\xbf\xbe")));
    CHECK(!sqs_is_content(SLICE("\xef\xbf\xbf")));
}

static enum sqs_code take_number(const char *json, int64_t *value)
{
    struct sqs_number n = {"MaxNumberOfMessages", 1, 10, 1};
    struct sqs_fault fault = {.code = SQS_OK};
    CHECK(sqs_take_number(&arena, parse(json), &n, &fault) == (fault.code == SQS_OK));
    *value = n.value;
    if (fault.code == SQS_BAD_VALUE)
        CHECK(slice_eq_text(fault.message, "Value 11 for parameter MaxNumberOfMessages is invalid. "
                                           "Reason: Must be between 1 and 10, if provided."));
    return fault.code;
}

TEST(numbers_are_within_their_ranges)
{
    int64_t n;
    CHECK(take_number("{}", &n) == SQS_OK && n == 1);
    CHECK(take_number("{\"MaxNumberOfMessages\":10}", &n) == SQS_OK && n == 10);
    CHECK(take_number("{\"MaxNumberOfMessages\":11}", &n) == SQS_BAD_VALUE);
    CHECK(take_number("{\"MaxNumberOfMessages\":\"5\"}", &n) == SQS_BAD_JSON);
    CHECK(take_number("{\"MaxNumberOfMessages\":1.5}", &n) == SQS_BAD_JSON);
}

static enum sqs_code read_batch(const char *json)
{
    struct sqs_fault fault = {.code = SQS_OK};
    struct sqs_call call = {.input = parse(json), .is_batch = true};
    struct sqs_batch batch = {.call = NULL};
    CHECK(sqs_batch_read(&arena, &call, &batch, &fault) == (fault.code == SQS_OK));
    return fault.code;
}

TEST(batches_follow_the_rules)
{
    CHECK(read_batch("{\"Entries\":[{\"Id\":\"a\"},{\"Id\":\"b\"}]}") == SQS_OK);
    CHECK(read_batch("{\"Entries\":[]}") == SQS_EMPTY_BATCH);
    CHECK(read_batch("{}") == SQS_EMPTY_BATCH);
    CHECK(read_batch("{\"Entries\":{}}") == SQS_BAD_JSON);
    CHECK(read_batch("{\"Entries\":[1]}") == SQS_BAD_JSON);
    CHECK(read_batch("{\"Entries\":[{\"Id\":\"a\"},{\"Id\":\"a\"}]}") == SQS_SAME_BATCH_ID);
    CHECK(read_batch("{\"Entries\":[{\"Id\":\"a b\"}]}") == SQS_BAD_BATCH_ID);
    CHECK(read_batch("{\"Entries\":[{\"Id\":\"\"}]}") == SQS_BAD_BATCH_ID);
    CHECK(read_batch("{\"Entries\":[{\"Id\":\"1\"},{\"Id\":\"2\"},{\"Id\":\"3\"},{\"Id\":\"4\"},"
                     "{\"Id\":\"5\"},{\"Id\":\"6\"},{\"Id\":\"7\"},{\"Id\":\"8\"},{\"Id\":\"9\"},"
                     "{\"Id\":\"10\"},{\"Id\":\"11\"}]}") == SQS_TOO_MANY);
}

TEST(an_error_of_the_queues_becomes_one_that_sdks_know)
{
    CHECK(strcmp(sqs_fault_code(sqs_fault_of(ERR_UNKNOWN_QUEUE).code),
                 "AWS.SimpleQueueService.NonExistentQueue") == 0);
    CHECK(sqs_fault_of(ERR_NONE).code == SQS_OK);
    CHECK(sqs_fault_of(ERR_OVERLOAD).code == SQS_UNAVAILABLE);
    CHECK(sqs_fault_of(ERR_DISK_FULL).code == SQS_UNAVAILABLE);
    CHECK(sqs_fault_of(ERR_CORRUPT).code == SQS_INTERNAL);
    CHECK(!sqs_fault_is_senders(SQS_UNAVAILABLE) && sqs_fault_is_senders(SQS_MISSING));
}

TEST(message_ids_are_uuids_and_repeat_only_where_the_request_does)
{
    struct sqs_front front = {.config = {.seed = 7}};
    (void)parse("{}");
    struct slice a = sqs_make_id(&front, &arena, SLICE_NONE);
    struct slice b = sqs_make_id(&front, &arena, SLICE_NONE);
    CHECK(a.len == SQS_UUID_CHARS && a.at[8] == '-' && a.at[14] == '4' && !slice_eq(a, b));
    a = sqs_make_id(&front, &arena, SLICE("again"));
    CHECK(slice_eq(a, sqs_make_id(&front, &arena, SLICE("again"))));
    arena_drop(&arena);
}
