/* The tables of words: each word is found by its spelling, a near one is suggested. */
#include "core/vocab.h"

#include "harness.h"

#include <string.h>

TEST(every_word_is_found_by_its_spelling)
{
    for (int table = 0; table < VOCAB_COUNT; table++)
        for (int word = 0; word < vocab_count((enum vocab)table); word++) {
            const char *name = vocab_name((enum vocab)table, word);
            CHECK_INT(vocab_find((enum vocab)table, slice_of(name)), word);
        }
    CHECK_INT(vocab_count(VOCAB_ON_DUPLICATE), ON_DUPLICATE_COUNT);
}

TEST(case_counts_in_words)
{
    CHECK_INT(vocab_find(VOCAB_VERDICT, SLICE("applied")), VERDICT_APPLIED);
    CHECK_INT(vocab_find(VOCAB_VERDICT, SLICE("Applied")), -1);
    CHECK_INT(vocab_find(VOCAB_TASK_STATUS, SLICE("RUNNIN")), -1);
}

TEST(a_near_word_is_suggested_and_a_far_one_not)
{
    CHECK(strcmp(vocab_suggest(VOCAB_ON_DUPLICATE, SLICE("rejct")), "reject") == 0);
    CHECK(strcmp(vocab_suggest(VOCAB_EVENT_KIND, SLICE("TaskComplete")), "TaskCompleted") == 0);
    CHECK(vocab_suggest(VOCAB_ON_DUPLICATE, SLICE("explode")) == NULL);
    CHECK(vocab_suggest(VOCAB_EVENT_KIND, SLICE("a")) == NULL);
}

TEST(open_instances_hold_their_key_and_tasks_that_are_out_await_an_answer)
{
    for (int s = 0; s < INSTANCE_STATUS_COUNT; s++)
        CHECK_INT(instance_status_is_open((enum instance_status)s),
                  s == INSTANCE_RUNNING || s == INSTANCE_PAUSED);
    for (int s = 0; s < TASK_STATUS_COUNT; s++)
        CHECK_INT(task_status_is_out((enum task_status)s),
                  s == TASK_SCHEDULED || s == TASK_RUNNING);
}
