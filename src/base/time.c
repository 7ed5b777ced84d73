/* Points in time and lengths of time as text. The civil calendar is worked out here, so nothing
 * depends on a time zone or a C library's table. */
#include "base/time.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS (24LL * 3600 * 1000)
#define DAYS_OF_400_YEARS 146097LL
#define YEAR_MAX 9999
#define DURATION_MAX_MS (3650LL * DAY_MS)

/* Days since 1970-01-01 of a civil date; years begin in March, so that the leap day is the last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * DAYS_OF_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - (DAYS_OF_400_YEARS - 1)) / DAYS_OF_400_YEARS;
    int64_t of_era = days - era * DAYS_OF_400_YEARS;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2);
}

size_t time_format(int64_t at_ms, char buf[TIME_TEXT_BYTES])
{
    int64_t least = days_of(0, 1, 1) * DAY_MS, most = days_of(YEAR_MAX + 1, 1, 1) * DAY_MS - 1;
    at_ms = at_ms < least ? least : at_ms > most ? most : at_ms;
    int64_t days = at_ms / DAY_MS, rest = at_ms % DAY_MS, year, month, day;
    if (rest < 0) {
        rest += DAY_MS;
        days--;
    }
    civil_of(days, &year, &month, &day);
    int len = snprintf(buf, TIME_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year,
                       (int)month, (int)day, (int)(rest / 3600000), (int)(rest / 60000 % 60),
                       (int)(rest / 1000 % 60), (int)(rest % 1000));
    return (size_t)len;
}

struct reader {
    struct slice left;
    bool is_bad;
};

/* Exactly `digits` digits. */
static int64_t take_digits(struct reader *r, size_t digits)
{
    int64_t n = 0;
    if (r->left.len < digits) {
        r->is_bad = true;
        return 0;
    }
    for (size_t k = 0; k < digits; k++) {
        char c = r->left.at[k];
        if (c < '0' || c > '9')
            r->is_bad = true;
        n = n * 10 + (c - '0');
    }
    r->left.at += digits;
    r->left.len -= digits;
    return n;
}

static char take_one_of(struct reader *r, const char *allowed)
{
    if (r->left.len == 0 || strchr(allowed, r->left.at[0]) == NULL || r->left.at[0] == '\0') {
        r->is_bad = true;
        return '\0';
    }
    char c = r->left.at[0];
    r->left.at++;
    r->left.len--;
    return c;
}

/* ".123456": milliseconds, the rest is cut off. */
static int64_t take_fraction(struct reader *r)
{
    int64_t ms = 0, digits = 0;
    if (r->left.len == 0 || r->left.at[0] != '.')
        return 0;
    (void)take_one_of(r, ".");
    while (r->left.len > 0 && r->left.at[0] >= '0' && r->left.at[0] <= '9' && digits < 9) {
        int64_t digit = take_digits(r, 1);
        if (digits < 3)
            ms = ms * 10 + digit;
        digits++;
    }
    if (digits == 0)
        r->is_bad = true;
    for (; digits < 3; digits++)
        ms *= 10;
    return ms;
}

static int64_t take_offset_ms(struct reader *r)
{
    char sign = take_one_of(r, "Zz+-");
    if (sign == 'Z' || sign == 'z' || r->is_bad)
        return 0;
    int64_t hours = take_digits(r, 2);
    (void)take_one_of(r, ":");
    int64_t minutes = take_digits(r, 2);
    if (hours > 23 || minutes > 59)
        r->is_bad = true;
    return (hours * 60 + minutes) * 60000 * (sign == '-' ? -1 : 1);
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    return days_of(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
           days_of(year, month, 1);
}

bool time_parse(struct slice s, int64_t *at_ms)
{
    if (slice_to_int(s, at_ms))
        return *at_ms >= 0;
    struct reader r = {s, false};
    int64_t year = take_digits(&r, 4);
    (void)take_one_of(&r, "-");
    int64_t month = take_digits(&r, 2);
    (void)take_one_of(&r, "-");
    int64_t day = take_digits(&r, 2);
    (void)take_one_of(&r, "Tt ");
    int64_t hour = take_digits(&r, 2);
    (void)take_one_of(&r, ":");
    int64_t minute = take_digits(&r, 2);
    (void)take_one_of(&r, ":");
    int64_t second = take_digits(&r, 2); /* 60 is a leap second and reads as the next day */
    int64_t ms = take_fraction(&r), offset_ms = take_offset_ms(&r);
    if (r.is_bad || r.left.len > 0 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t whole_ms = days_of(year, month, day) * DAY_MS +
                       ((hour * 60 + minute) * 60 + second) * 1000 - offset_ms;
    if (second == 60 && whole_ms % DAY_MS != 0)
        return false; /* leap seconds end a day of UTC */
    *at_ms = whole_ms + ms;
    return true;
}

static int64_t unit_ms(struct slice unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1},        {"s", 1000},   {"m", 60000},
                 {"h", 3600000LL}, {"d", DAY_MS}, {"w", 7 * DAY_MS}};
    for (size_t k = 0; k < sizeof units / sizeof *units; k++)
        if (slice_eq_text(unit, units[k].name))
            return units[k].ms;
    return 0;
}

static bool is_digit(struct slice s)
{
    return s.len > 0 && s.at[0] >= '0' && s.at[0] <= '9';
}

/* Digits, perhaps with a fraction of up to nine: number = whole + fraction / scale. */
struct number {
    int64_t whole, fraction, scale;
};

static bool take_number(struct slice *s, struct number *n)
{
    *n = (struct number){0, 0, 1};
    if (!is_digit(*s))
        return false;
    for (; is_digit(*s); s->at++, s->len--)
        if (__builtin_mul_overflow(n->whole, 10, &n->whole) ||
            __builtin_add_overflow(n->whole, s->at[0] - '0', &n->whole))
            return false;
    if (s->len == 0 || s->at[0] != '.')
        return true;
    s->at++;
    s->len--;
    if (!is_digit(*s))
        return false;
    for (; is_digit(*s); s->at++, s->len--) {
        if (n->scale >= 1000000000)
            return false;
        n->fraction = n->fraction * 10 + (s->at[0] - '0');
        n->scale *= 10;
    }
    return true;
}

static bool add_part(const struct number *n, int64_t each_ms, int64_t *total_ms)
{
    int64_t part_ms;
    if (each_ms == 0 || __builtin_mul_overflow(n->whole, each_ms, &part_ms))
        return false;
    if (part_ms > DURATION_MAX_MS || n->fraction * each_ms % n->scale != 0)
        return false; /* too long, or not a whole number of milliseconds */
    part_ms += n->fraction * each_ms / n->scale;
    return !__builtin_add_overflow(*total_ms, part_ms, total_ms) && *total_ms <= DURATION_MAX_MS;
}

static bool is_letter(struct slice s)
{
    return s.len > 0 && ((s.at[0] >= 'a' && s.at[0] <= 'z') || (s.at[0] >= 'A' && s.at[0] <= 'Z'));
}

/* "1h30m": numbers with units, each unit smaller than the one before. */
static bool parse_parts(struct slice s, int64_t *ms)
{
    int64_t last_ms = INT64_MAX;
    while (s.len > 0) {
        struct number n;
        if (!take_number(&s, &n))
            return false;
        struct slice unit = {s.at, 0};
        for (; is_letter(s); s.at++, s.len--)
            unit.len++;
        int64_t each_ms = unit_ms(unit);
        if (each_ms >= last_ms || !add_part(&n, each_ms, ms))
            return false;
        last_ms = each_ms;
    }
    return true;
}

static int64_t iso_unit_ms(char unit, bool is_time)
{
    switch (unit) {
    case 'W':
        return is_time ? 0 : 7 * DAY_MS;
    case 'D':
        return is_time ? 0 : DAY_MS;
    case 'H':
        return is_time ? 3600000LL : 0;
    case 'M':
        return is_time ? 60000 : 0; /* months have no length */
    case 'S':
        return is_time ? 1000 : 0;
    default:
        return 0;
    }
}

/* "P1DT2H30M", without years and months, the larger unit first. */
static bool parse_iso(struct slice s, int64_t *ms)
{
    bool is_time = false, has_part = false;
    int64_t last_ms = INT64_MAX;
    s.at++;
    s.len--;
    while (s.len > 0) {
        if (s.at[0] == 'T' && !is_time) {
            is_time = true;
            has_part = false;
            s.at++;
            s.len--;
            continue;
        }
        struct number n;
        if (!take_number(&s, &n) || s.len == 0)
            return false;
        int64_t each_ms = iso_unit_ms(s.at[0], is_time);
        if (each_ms >= last_ms || !add_part(&n, each_ms, ms))
            return false;
        last_ms = each_ms;
        has_part = true;
        s.at++;
        s.len--;
    }
    return has_part;
}

bool duration_parse(struct slice s, int64_t *ms)
{
    int64_t total_ms = 0;
    if (s.len == 0 || s.len > 64)
        return false;
    bool is_good = s.at[0] == 'P' ? parse_iso(s, &total_ms) : parse_parts(s, &total_ms);
    if (is_good)
        *ms = total_ms;
    return is_good;
}

size_t duration_format(int64_t ms, char buf[TIME_TEXT_BYTES])
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", DAY_MS}, {"h", 3600000LL}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t len = 0;
    buf[0] = '\0';
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        if (ms < units[k].ms)
            continue;
        len += (size_t)snprintf(buf + len, TIME_TEXT_BYTES - len, "%lld%s",
                                (long long)(ms / units[k].ms), units[k].name);
        ms %= units[k].ms;
    }
    if (len == 0)
        len = (size_t)snprintf(buf, TIME_TEXT_BYTES, "0s");
    return len;
}

int64_t time_add(int64_t at_ms, int64_t ms)
{
    int64_t sum;
    if (at_ms == TIME_NEVER)
        return TIME_NEVER;
    if (__builtin_add_overflow(at_ms, ms, &sum))
        return ms > 0 ? TIME_NEVER : INT64_MIN;
    return sum;
}

int64_t time_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
