/* Decoding events: our form, the earlier form, CloudEvents, and everything that is none. */
#include "unit.h"

#include "base/arena.h"
#include "core/event.h"
#include "core/limits.h"

#include <string.h>

static struct arena arena;
static struct event e;
static struct slice why;

static enum err decode(const char *json)
{
    yyjson_val *root;
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    why = SLICE_NONE;
    enum err err = json_read(&arena, slice_of(json), EVENT_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root);
    return err != ERR_NONE ? err : event_decode(&arena, root, &e, &why);
}

static bool says(const char *part)
{
    struct slice s = slice_of(part);
    for (size_t k = 0; k + s.len <= why.len; k++)
        if (memcmp(why.at + k, s.at, s.len) == 0)
            return true;
    return false;
}

TEST(a_workers_answer_is_its_token_and_its_output)
{
    CHECK(decode("{\"event\":\"TaskCompleted\",\"token\":\"T\",\"output\":{\"a\": 1.50}}") == 0);
    CHECK(e.kind == EVENT_COMPLETED);
    CHECK(slice_eq_text(e.token, "T"));
    CHECK(slice_eq_text(e.output, "{\"a\":1.50}"));
    CHECK(e.sum != 0);
}

TEST(a_failure_brings_its_error_and_message)
{
    CHECK(decode("{\"event\":\"TaskFailed\",\"token\":\"T\",\"error\":\"X\",\"message\":\"m\"}") ==
          0);
    CHECK(slice_eq_text(e.error, "X") && slice_eq_text(e.message, "m"));
}

TEST(an_answer_without_an_address_is_refused_with_its_name)
{
    CHECK(decode("{\"event\":\"TaskCompleted\",\"output\":1}") == ERR_INVALID);
    CHECK(says("token"));
    CHECK(decode("{\"event\":\"ReplayTask\",\"instance\":\"I\"}") == ERR_INVALID && says("task"));
    CHECK(decode("{\"event\":\"ReplayStage\",\"instance\":\"I\"}") == ERR_INVALID && says("stage"));
    CHECK(decode("{\"event\":\"PauseWorkflow\"}") == ERR_INVALID && says("instance"));
    CHECK(decode("{\"event\":\"StartWorkflow\"}") == ERR_INVALID && says("template"));
}

TEST(an_unknown_event_is_answered_with_the_nearest_name)
{
    CHECK(decode("{\"event\":\"TaskComplete\",\"token\":\"T\"}") == ERR_INVALID);
    CHECK(says("did you mean TaskCompleted?"));
    CHECK(decode("{\"event\":\"Nonsense\"}") == ERR_INVALID && says("Nonsense"));
    CHECK(decode("{}") == ERR_INVALID);
    CHECK(decode("[]") == ERR_INVALID);
    CHECK(decode("\"text\"") == ERR_INVALID);
}

TEST(events_of_the_engine_itself_cannot_be_sent)
{
    CHECK(decode("{\"event\":\"MessageDeleted\",\"instance\":\"I\"}") == ERR_INVALID &&
          says("outside"));
    CHECK(decode("{\"event\":\"TemplateApplied\",\"instance\":\"I\"}") == ERR_INVALID);
}

TEST(a_reminder_is_an_event)
{
    CHECK(decode("{\"event\":\"Wake\",\"instance\":\"I\"}") == ERR_NONE);
    CHECK(decode("{\"event\":\"Wake\"}") == ERR_INVALID && says("instance"));
}

TEST(members_of_the_wrong_type_are_named)
{
    CHECK(decode("{\"event\":\"TaskFailed\",\"token\":7}") == ERR_INVALID && says("token"));
    CHECK(decode("{\"event\":\"ReplayTask\",\"instance\":\"I\",\"task\":\"t\",\"only\":1}") ==
          ERR_INVALID);
    CHECK(says("only"));
    CHECK(decode("{\"event\":\"TaskFailed\",\"token\":\"T\",\"attempt\":-1}") == ERR_INVALID);
    CHECK(decode("{\"event\":\"TaskFailed\",\"token\":\"T\",\"attempt\":1.5}") == ERR_INVALID);
}

TEST(a_pause_may_say_what_timers_do_and_when_it_ends)
{
    CHECK(decode("{\"event\":\"PauseWorkflow\",\"instance\":\"I\",\"timers\":\"run\","
                 "\"resume_at\":\"2026-11-23T12:00:00Z\"}") == 0);
    CHECK(e.timers == TIMERS_RUN && e.resume_at_ms == 1795435200000);
    CHECK(decode("{\"event\":\"PauseWorkflow\",\"instance\":\"I\",\"timers\":\"stop\"}") ==
          ERR_INVALID);
    CHECK(decode("{\"event\":\"PauseWorkflow\",\"instance\":\"I\",\"resume_at\":\"soon\"}") ==
          ERR_INVALID);
}

TEST(a_start_of_the_earlier_form_has_its_further_fields_as_input)
{
    CHECK(decode("{\"business_ref_no\":\"ORDER-7\",\"component_name\":\"CARDIOLOGY\","
                 "\"event_name\":\"StartWorkflow\",\"age\":41,\"name\":\"x\"}") == 0);
    CHECK(e.kind == EVENT_START && e.is_earlier);
    CHECK(slice_eq_text(e.key, "ORDER-7") && slice_eq_text(e.template, "CARDIOLOGY"));
    CHECK(slice_eq_text(e.input, "{\"age\":41,\"name\":\"x\"}"));
}

TEST(an_answer_of_the_earlier_form_names_stage_and_task)
{
    CHECK(
        decode("{\"business_ref_no\":\"O\",\"component_name\":\"C\",\"event_name\":\"TaskFailed\","
               "\"stage_name\":\"S\",\"task_name\":\"t\",\"task_type\":\"SERVICE\","
               "\"reason\":\"no bed\"}") == 0);
    CHECK(e.kind == EVENT_FAILED && slice_eq_text(e.stage, "S") && slice_eq_text(e.task, "t"));
    CHECK(slice_eq_text(e.message, "no bed"));
}

TEST(missing_mandatory_fields_of_the_earlier_form_are_named)
{
    CHECK(decode("{\"event_name\":\"StartWorkflow\",\"component_name\":\"C\"}") == ERR_INVALID);
    CHECK(says("business_ref_no"));
    CHECK(decode("{\"event_name\":\"StartWorkflow\",\"business_ref_no\":\"O\"}") == ERR_INVALID);
    CHECK(says("component_name"));
    CHECK(decode("{\"event_name\":\"TaskCompleted\",\"business_ref_no\":\"O\","
                 "\"component_name\":\"C\",\"task_name\":\"t\"}") == ERR_INVALID);
    CHECK(says("stage_name"));
    CHECK(decode("{\"event_name\":\"PauseWorkflow\",\"business_ref_no\":\"O\","
                 "\"component_name\":\"C\"}") == ERR_INVALID);
}

TEST(a_cloud_event_has_its_id_from_source_and_id)
{
    CHECK(decode("{\"specversion\":\"1.0\",\"type\":\"swm.TaskCompleted\",\"source\":\"/kitchen\","
                 "\"id\":\"17\",\"data\":{\"token\":\"T\",\"output\":true}}") == 0);
    CHECK(e.kind == EVENT_COMPLETED && slice_eq_text(e.id, "/kitchen/17"));
    CHECK(slice_eq_text(e.output, "true"));
    CHECK(decode("{\"specversion\":\"1.0\",\"type\":\"other\",\"source\":\"s\",\"id\":\"1\","
                 "\"data\":{}}") == ERR_INVALID);
    CHECK(decode("{\"specversion\":\"1.0\",\"type\":\"swm.TaskCompleted\",\"source\":\"s\","
                 "\"data\":{}}") == ERR_INVALID);
    CHECK(says("id"));
}

TEST(the_same_content_has_the_same_sum_and_another_content_another)
{
    CHECK(decode("{\"event\":\"TaskCompleted\",\"token\":\"T\",\"output\":{\"a\":1}}") == 0);
    uint32_t first = e.sum;
    CHECK(decode("{\"output\":{\"a\":1},\"event\":\"TaskCompleted\",\"token\":\"T\"}") == 0);
    CHECK(e.sum == first);
    CHECK(decode("{\"event\":\"TaskCompleted\",\"token\":\"T\",\"output\":{\"a\":2}}") == 0);
    CHECK(e.sum != first);
}

TEST(a_member_beyond_its_limit_is_too_large)
{
    static char json[EVENT_BYTES_MAX];
    static const char head[] = "{\"event\":\"TaskCompleted\",\"token\":\"T\",\"output\":\"";
    size_t len = sizeof head - 1;
    memcpy(json, head, len);
    memset(json + len, 'x', PAYLOAD_BYTES_MAX);
    memcpy(json + len + PAYLOAD_BYTES_MAX, "\"}", 3);
    CHECK(decode(json) == ERR_TOO_LARGE);
    CHECK(says("output"));
    json[len + PAYLOAD_BYTES_MAX - 2] = '"';
    memcpy(json + len + PAYLOAD_BYTES_MAX - 1, "}", 2);
    CHECK(decode(json) == ERR_NONE);
    CHECK(e.output.len == PAYLOAD_BYTES_MAX);
}

TEST(what_names_no_instance_is_kept_in_short)
{
    static char body[4096];
    memset(body, 'y', sizeof body);
    body[3] = '\n';
    arena_drop(&arena);
    arena_init(&arena, WORK_BYTES_MAX);
    struct slice brief = event_brief(&arena, (struct slice){body, sizeof body});
    CHECK(brief.len == SYS_BODY_BYTES_MAX);
    CHECK(brief.at[3] == ' ');
}
