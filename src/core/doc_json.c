/* Reads JSON (RFC 8259) into a document, so that a template written in JSON has its errors with
 * line and column as one in YAML has. Bytes that are known to be UTF-8 come in from doc_read. It
 * takes JSON only: no comments, no trailing commas. */
#include "core/doc_int.h"

#include "base/arena.h"

#include <string.h>

struct json_reader {
    struct doc_builder *b;
    size_t at;
};

static bool read_value(struct json_reader *r);

static int peek(const struct json_reader *r)
{
    return r->at < r->b->source.len ? (unsigned char)r->b->source.at[r->at] : -1;
}

static void skip_space(struct json_reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
        r->at++;
}

static struct place here(const struct json_reader *r)
{
    return doc_place_of(r->b, r->at);
}

static bool refuse(const struct json_reader *r, const char *what)
{
    report_error(r->b->report, here(r), "not JSON: %s", what);
    return false;
}

static bool take_digits(struct json_reader *r)
{
    size_t from = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    return r->at > from;
}

static bool take_sign(struct json_reader *r, bool may_be_plus)
{
    if (peek(r) == '-' || (may_be_plus && peek(r) == '+'))
        r->at++;
    return true;
}

static bool read_number(struct json_reader *r)
{
    size_t from = r->at;
    struct place at = here(r);
    enum doc_type type = DOC_INT;
    take_sign(r, false);
    bool is_zero = peek(r) == '0';
    size_t digits = r->at;
    if (!take_digits(r) || (is_zero && r->at - digits > 1))
        return refuse(r, "a number is digits without a leading zero");
    if (peek(r) == '.') {
        type = DOC_FLOAT;
        r->at++;
        if (!take_digits(r))
            return refuse(r, "digits are missing after the point");
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        type = DOC_FLOAT;
        r->at++;
        take_sign(r, true);
        if (!take_digits(r))
            return refuse(r, "the exponent has no digits");
    }
    struct slice text = {r->b->source.at + from, r->at - from};
    return doc_scalar(r->b, type, text, at) != NULL;
}

/* Four hexadecimal digits after \u. */
static bool take_unit(struct json_reader *r, uint32_t *unit)
{
    *unit = 0;
    for (int k = 0; k < 4; k++, r->at++) {
        int c = peek(r);
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return refuse(r, "\\u is followed by four hexadecimal digits");
        *unit = *unit * 16 + (uint32_t)digit;
    }
    return true;
}

static size_t put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t k = len - 1; k > 0; k--, code >>= 6)
        to[k] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(lead[len] | code);
    return len;
}

/* One character as \uXXXX, or two of them for what is beyond U+FFFF. */
static bool take_code(struct json_reader *r, uint32_t *code)
{
    uint32_t low;
    if (!take_unit(r, code))
        return false;
    if (*code < 0xd800 || *code > 0xdfff)
        return true;
    struct slice rest = {r->b->source.at + r->at, r->b->source.len - r->at};
    if (*code > 0xdbff || !slice_has_prefix(rest, SLICE("\\u")))
        return refuse(r, "a surrogate stands alone");
    r->at += 2;
    if (!take_unit(r, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return refuse(r, "a surrogate stands alone");
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* After a backslash; what it stands for is never longer than its spelling. */
static bool take_escape(struct json_reader *r, char *to, size_t *len)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t code;
    int c = peek(r);
    const char *found = c > 0 ? strchr(names, c) : NULL;
    if (found != NULL) {
        to[(*len)++] = meanings[found - names];
        r->at++;
        return true;
    }
    if (c != 'u')
        return refuse(r, "a backslash stands before one of \" \\ / b f n r t u");
    r->at++;
    if (!take_code(r, &code))
        return false;
    *len += put_utf8(to + *len, code);
    return true;
}

static size_t string_end(const struct json_reader *r)
{
    size_t k = r->at;
    struct slice s = r->b->source;
    while (k < s.len && s.at[k] != '"')
        k += s.at[k] == '\\' ? 2 : 1;
    return k;
}

/* At the opening quote. */
static bool read_string(struct json_reader *r, struct slice *out)
{
    r->at++;
    size_t end = string_end(r), len = 0;
    if (end >= r->b->source.len) {
        r->at--;
        return refuse(r, "this text has no closing quote");
    }
    char *to = arena_alloc(r->b->report->arena, end - r->at + 1);
    while (r->at < end) {
        char c = r->b->source.at[r->at];
        if ((unsigned char)c < 0x20)
            return refuse(r, "a line break or tab in a text is written \\n or \\t");
        r->at++;
        if (c != '\\')
            to[len++] = c;
        else if (!take_escape(r, to, &len))
            return false;
    }
    r->at = end + 1;
    *out = (struct slice){to, len};
    return true;
}

static bool read_word(struct json_reader *r)
{
    static const struct {
        const char *word;
        enum doc_type type;
    } words[] = {{"true", DOC_BOOL}, {"false", DOC_BOOL}, {"null", DOC_NULL}};
    struct slice rest = {r->b->source.at + r->at, r->b->source.len - r->at};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        struct slice word = slice_of(words[k].word);
        if (!slice_has_prefix(rest, word))
            continue;
        struct place at = here(r);
        r->at += word.len;
        return doc_scalar(r->b, words[k].type, word, at) != NULL;
    }
    return refuse(r, rest.len == 0 ? "the file ends too early" : "a value is expected here");
}

static bool read_key(struct json_reader *r)
{
    struct slice key;
    struct place at = here(r);
    if (peek(r) != '"')
        return refuse(r, "a key in double quotes is expected here");
    if (!read_string(r, &key))
        return false;
    doc_key(r->b, key, at);
    skip_space(r);
    if (peek(r) != ':')
        return refuse(r, "a colon is expected after the key");
    r->at++;
    skip_space(r);
    return true;
}

/* At the opening bracket. As deep as doc_open allows. */
static bool read_level(struct json_reader *r, enum doc_type type, char end)
{
    if (doc_open(r->b, type, here(r)) == NULL)
        return false;
    r->at++;
    skip_space(r);
    if (peek(r) == end) {
        r->at++;
        return doc_close(r->b);
    }
    for (;;) {
        if ((type == DOC_MAP && !read_key(r)) || !read_value(r))
            return false;
        skip_space(r);
        if (peek(r) == end)
            break;
        if (peek(r) != ',')
            return refuse(r, type == DOC_MAP ? "a comma or } is expected here"
                                             : "a comma or ] is expected here");
        r->at++;
        skip_space(r);
    }
    r->at++;
    return doc_close(r->b);
}

static bool read_value(struct json_reader *r)
{
    int c = peek(r);
    if (c == '{')
        return read_level(r, DOC_MAP, '}');
    if (c == '[')
        return read_level(r, DOC_LIST, ']');
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(r);
    if (c != '"')
        return read_word(r);
    struct slice text;
    struct place at = here(r);
    return read_string(r, &text) && doc_scalar(r->b, DOC_TEXT, text, at) != NULL;
}

bool doc_read_json(struct doc_builder *b)
{
    struct json_reader r = {b, 0};
    skip_space(&r);
    if (!read_value(&r))
        return false;
    skip_space(&r);
    return r.at == b->source.len || refuse(&r, "the file goes on after its value");
}
