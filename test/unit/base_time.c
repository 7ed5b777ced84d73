/* Times and durations: the calendar's edges, what is refused, and saturation. */
#include "harness.h"

#include "base/time.h"

#define DAY_MS 86400000LL

static char buf[TIME_TEXT_BYTES];

static struct slice formatted(int64_t at_ms)
{
    size_t len = time_format(at_ms, buf);
    return (struct slice){buf, len};
}

static int64_t parsed(const char *text)
{
    int64_t at_ms = 0;
    return time_parse(slice_of(text), &at_ms) ? at_ms : INT64_MIN;
}

TEST(time_format_at_the_edges_of_the_calendar)
{
    CHECK_TEXT(formatted(0), "1970-01-01T00:00:00.000Z");
    CHECK_TEXT(formatted(-1), "1969-12-31T23:59:59.999Z");
    CHECK_TEXT(formatted(951782400000), "2000-02-29T00:00:00.000Z");
    CHECK_TEXT(formatted(951868799999), "2000-02-29T23:59:59.999Z");
    CHECK_TEXT(formatted(4107542399999), "2100-02-28T23:59:59.999Z");
    CHECK_TEXT(formatted(4107542400000), "2100-03-01T00:00:00.000Z");
    CHECK_TEXT(formatted(1709164800000), "2024-02-29T00:00:00.000Z");
    CHECK_TEXT(formatted(253402300799999), "9999-12-31T23:59:59.999Z");
    CHECK_TEXT(formatted(-62167219200000), "0000-01-01T00:00:00.000Z");
}

TEST(time_format_saturates_beyond_four_digits_of_years)
{
    CHECK_TEXT(formatted(253402300800000), "9999-12-31T23:59:59.999Z");
    CHECK_TEXT(formatted(TIME_NEVER), "9999-12-31T23:59:59.999Z");
    CHECK_TEXT(formatted(INT64_MIN), "0000-01-01T00:00:00.000Z");
}

TEST(every_day_of_four_centuries_comes_back_and_follows_the_one_before)
{
    int64_t at_ms = parsed("1899-12-31T12:34:56.789Z");
    for (int k = 0; k < 146097; k++, at_ms += DAY_MS) {
        int64_t back_ms = 0;
        CHECK(time_parse(formatted(at_ms), &back_ms));
        CHECK_INT(back_ms, at_ms);
    }
    CHECK_TEXT(formatted(at_ms), "2299-12-31T12:34:56.789Z");
}

TEST(time_parse_takes_offsets_and_fractions)
{
    CHECK_INT(parsed("1970-01-01T00:00:00Z"), 0);
    CHECK_INT(parsed("2026-11-23T12:00:00.000Z"), 1795435200000);
    CHECK_INT(parsed("2026-11-23t12:00:00z"), 1795435200000);
    CHECK_INT(parsed("2026-11-23 12:00:00Z"), 1795435200000);
    CHECK_INT(parsed("2026-11-23T13:30:00+01:30"), 1795435200000);
    CHECK_INT(parsed("2026-11-22T12:01:00-23:59"), 1795435200000);
    CHECK_INT(parsed("2026-11-23T12:00:00-00:00"), 1795435200000);
    CHECK_INT(parsed("1970-01-01T00:00:00.5Z"), 500);
    CHECK_INT(parsed("1970-01-01T00:00:00.007Z"), 7);
    CHECK_INT(parsed("1970-01-01T00:00:00.123456789Z"), 123);
    CHECK_INT(parsed("1969-12-31T23:59:59.999Z"), -1);
    CHECK_INT(parsed("9999-12-31T23:59:59.999Z"), 253402300799999);
    CHECK_INT(parsed("0000-02-29T00:00:00Z"), -62162121600000);
}

TEST(time_parse_takes_milliseconds_as_a_number)
{
    CHECK_INT(parsed("0"), 0);
    CHECK_INT(parsed("1795435200000"), 1795435200000);
    CHECK_INT(parsed("-1"), INT64_MIN);
    CHECK_INT(parsed("99999999999999999999"), INT64_MIN);
}

TEST(time_parse_takes_a_leap_second_only_where_one_can_be)
{
    CHECK_INT(parsed("2016-12-31T23:59:60Z"), 1483228800000);
    CHECK_INT(parsed("2016-12-31T23:59:60.5Z"), 1483228800500);
    CHECK_INT(parsed("2017-01-01T00:59:60+01:00"), 1483228800000);
    CHECK_INT(parsed("2016-12-31T12:00:60Z"), INT64_MIN);
    CHECK_INT(parsed("2016-12-31T23:59:60+01:00"), INT64_MIN);
}

TEST(time_parse_refuses_what_is_no_time)
{
    static const char *const bad[] = {"",
                                      "now",
                                      "2026-11-23",
                                      "2026-11-23T12:00:00",
                                      "2026-11-23T12:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-01-32T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2025-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2026-11-23T24:00:00Z",
                                      "2026-11-23T12:60:00Z",
                                      "2026-11-23T12:00:61Z",
                                      "2026-11-23T12:00:00.Z",
                                      "2026-11-23T12:00:00.1234567890Z",
                                      "2026-11-23T12:00:00+24:00",
                                      "2026-11-23T12:00:00+01:60",
                                      "2026-11-23T12:00:00+0100",
                                      "2026-11-23T12:00:00+01",
                                      "2026-11-23T12:00:00Zx",
                                      " 2026-11-23T12:00:00Z",
                                      "2026-11-23T12:00:00,5Z",
                                      "+026-11-23T12:00:00Z",
                                      "20261123T120000Z",
                                      "2026-1-23T12:00:00Z"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        CHECK_INT(parsed(bad[k]), INT64_MIN);
    int64_t at_ms;
    CHECK(!time_parse(SLICE_NONE, &at_ms));
    CHECK(!time_parse(SLICE("2026-11-23\0"
                            "12:00:00Z"),
                      &at_ms));
}

static int64_t length_of(const char *text)
{
    int64_t ms = -2;
    return duration_parse(slice_of(text), &ms) ? ms : ms == -2 ? -1 : -3;
}

TEST(duration_parse_takes_units_mixed_and_with_fractions)
{
    CHECK_INT(length_of("500ms"), 500);
    CHECK_INT(length_of("0s"), 0);
    CHECK_INT(length_of("10s"), 10000);
    CHECK_INT(length_of("10m"), 600000);
    CHECK_INT(length_of("2h"), 7200000);
    CHECK_INT(length_of("1d"), DAY_MS);
    CHECK_INT(length_of("1w"), 7 * DAY_MS);
    CHECK_INT(length_of("1h30m"), 5400000);
    CHECK_INT(length_of("1w2d3h4m5s6ms"), 788645006);
    CHECK_INT(length_of("1.5h"), 5400000);
    CHECK_INT(length_of("0.001s"), 1);
    CHECK_INT(length_of("90m"), 5400000);
}

TEST(duration_parse_takes_iso_8601_without_months_and_years)
{
    CHECK_INT(length_of("PT10M"), 600000);
    CHECK_INT(length_of("P1D"), DAY_MS);
    CHECK_INT(length_of("P1W"), 7 * DAY_MS);
    CHECK_INT(length_of("P1DT2H30M0.5S"), DAY_MS + 9000500);
    CHECK_INT(length_of("PT0S"), 0);
    CHECK_INT(length_of("P1M"), -1);
    CHECK_INT(length_of("P1Y"), -1);
    CHECK_INT(length_of("P"), -1);
    CHECK_INT(length_of("PT"), -1);
    CHECK_INT(length_of("P1DT"), -1);
    CHECK_INT(length_of("P1H"), -1);
    CHECK_INT(length_of("PT1D"), -1);
    CHECK_INT(length_of("PT1S1H"), -1);
    CHECK_INT(length_of("PT1H1H"), -1);
    CHECK_INT(length_of("PTT1H"), -1);
    CHECK_INT(length_of("-PT1S"), -1);
    CHECK_INT(length_of("pt1s"), -1);
}

TEST(duration_parse_refuses_what_is_no_duration)
{
    static const char *const bad[] = {
        "",     "10",  "0",   "s",   "10 s",  " 10s",  "10s ", "-10s", "+10s", "1m1h",
        "1h1h", "1H",  "1.s", ".5s", "1..5s", "0.5ms", "1x",   "1e3s", "1h30", "0.1234567890123s",
        "1,5h", "1mss"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        CHECK_INT(length_of(bad[k]), -1);
    int64_t ms;
    CHECK(!duration_parse(SLICE_NONE, &ms) && !duration_parse(SLICE("1s\0"), &ms));
}

TEST(duration_parse_ends_at_ten_years_and_never_overflows)
{
    CHECK_INT(length_of("3650d"), 3650 * DAY_MS);
    CHECK_INT(length_of("3650d1ms"), -1);
    CHECK_INT(length_of("87600.5h"), -1);
    CHECK_INT(length_of("9223372036854775807ms"), -1);
    CHECK_INT(length_of("9223372036854775808ms"), -1);
    CHECK_INT(length_of("9223372036854775.999s"), -1);
    CHECK_INT(length_of("99999999999999999w"), -1);
    CHECK_INT(length_of("99999999999999999999999999999s"), -1);
    CHECK_INT(length_of("PT9223372036854775.999S"), -1);
    CHECK_INT(length_of("0000000000000000000000000000000000000000000000000000000000000001s"), -1);
}

static struct slice length_text(int64_t ms)
{
    size_t len = duration_format(ms, buf);
    return (struct slice){buf, len};
}

TEST(duration_format_is_exact_and_reads_back)
{
    static const int64_t lengths[] = {0,     1,       999,      1000,         1001,
                                      60000, 5400000, 86400000, 315360000000, 315359999999};
    CHECK_TEXT(length_text(0), "0s");
    CHECK_TEXT(length_text(2000), "2s");
    CHECK_TEXT(length_text(5400000), "1h30m");
    CHECK_TEXT(length_text(93784005), "1d2h3m4s5ms");
    CHECK_TEXT(length_text(7 * DAY_MS), "7d");
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        int64_t back_ms = -1;
        CHECK(duration_parse(length_text(lengths[k]), &back_ms));
        CHECK_INT(back_ms, lengths[k]);
    }
    CHECK(length_text(INT64_MAX).len < TIME_TEXT_BYTES);
}

TEST(time_add_saturates_and_never_stays_never)
{
    CHECK_INT(time_add(5, 7), 12);
    CHECK_INT(time_add(5, -7), -2);
    CHECK_INT(time_add(TIME_NEVER - 1, 5), TIME_NEVER);
    CHECK_INT(time_add(TIME_NEVER, -5), TIME_NEVER);
    CHECK_INT(time_add(INT64_MIN + 1, -5), INT64_MIN);
    CHECK_INT(time_add(1, TIME_NEVER), TIME_NEVER);
    CHECK_INT(time_min(TIME_NEVER, 3), 3);
    CHECK_INT(time_min(-1, 3), -1);
}
