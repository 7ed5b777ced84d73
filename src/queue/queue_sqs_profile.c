/* Reads credentials out of texts: files with profiles, and the JSON of the services that hand out
 * temporary ones. Before it stands queue_sqs_credentials.c, which reads the bytes. Pure. */
#include "queue/queue_sqs_int.h"

#define CREDENTIALS_JSON_BYTES_MAX ((size_t)64 * 1024)

static struct slice strip_comment(struct slice line)
{
    struct slice s = slice_trim(line);
    return s.len > 0 && (s.at[0] == '#' || s.at[0] == ';') ? SLICE_NONE : s;
}

/* "[name]". */
static bool read_section(struct slice line, struct slice *name)
{
    if (line.len < 2 || line.at[0] != '[' || line.at[line.len - 1] != ']')
        return false;
    *name = slice_trim((struct slice){line.at + 1, line.len - 2});
    return true;
}

static void take_setting(struct slice line, struct far_keys *out)
{
    struct slice name, value;
    slice_cut(line, '=', &name, &value);
    name = slice_trim(name);
    value = slice_trim(value);
    if (slice_eq_text(name, "aws_access_key_id"))
        out->access_key = value;
    else if (slice_eq_text(name, "aws_secret_access_key"))
        out->secret = value;
    else if (slice_eq_text(name, "aws_session_token"))
        out->token = value;
}

bool far_profile_read(struct slice text, struct slice profile, struct far_keys *out)
{
    struct slice line, rest = text, section;
    bool is_inside = false;
    *out = (struct far_keys){0};
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        line = strip_comment(line);
        if (read_section(line, &section))
            is_inside = slice_eq(section, profile);
        else if (is_inside)
            take_setting(line, out);
    }
    return out->access_key.len > 0 && out->secret.len > 0;
}

bool far_profile_read_json(struct arena *a, struct slice json, struct far_keys *out)
{
    yyjson_val *root;
    *out = (struct far_keys){0};
    if (json_read(a, json, CREDENTIALS_JSON_BYTES_MAX, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE)
        return false;
    struct slice expires = json_get_text(root, "Expiration");
    out->access_key = json_get_text(root, "AccessKeyId");
    out->secret = json_get_text(root, "SecretAccessKey");
    out->token = json_get_text(root, "Token");
    if (expires.at != NULL && !time_parse(expires, &out->expires_at_ms))
        return false;
    return out->access_key.len > 0 && out->secret.len > 0;
}
