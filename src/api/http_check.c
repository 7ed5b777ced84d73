/* Decides from a request's headers whether it is let in: framing that can be read in two ways,
 * other servers' names (DNS rebinding), other sites' pages (cross-site requests). Before it stands
 * http_request.c, which reads; after it the body is read. It must not look at what is asked for. */
#include "api/http_int.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct seen {
    unsigned hosts, lengths, encodings;
    bool is_odd; /* a name that is no token, a value with control characters */
};

static bool is_token(struct slice name)
{
    for (size_t k = 0; k < name.len; k++) {
        char c = name.at[k];
        if (!isalnum((unsigned char)c) && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return name.len > 0;
}

static bool is_clean(struct slice value)
{
    for (size_t k = 0; k < value.len; k++) {
        if (((unsigned char)value.at[k] < ' ' && value.at[k] != '\t') || value.at[k] == 0x7f)
            return false;
    }
    return true;
}

static bool is_named(struct slice name, const char *text)
{
    return name.len == strlen(text) && strncasecmp(name.at, text, name.len) == 0;
}

static void see(struct seen *seen, struct slice name, struct slice value)
{
    seen->hosts += is_named(name, "Host");
    seen->lengths += is_named(name, "Content-Length");
    seen->encodings += is_named(name, "Transfer-Encoding");
    if (!is_token(name) || !is_clean(value))
        seen->is_odd = true;
}

static enum MHD_Result see_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    see(context, slice_of(name), slice_of(value));
    return MHD_YES;
}

static void see_all(const struct http_request *r, struct seen *seen)
{
    if (r->connection != NULL)
        (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, see_header, seen);
    for (size_t k = 0; k < r->memory_of.header_count; k++)
        see(seen, r->memory_of.headers[k].name, r->memory_of.headers[k].value);
}

/* RFC 9112 section 6.3: what one server reads as the end of a request another may read as more. */
static const char *find_framing_fault(const struct http_request *r, const struct seen *seen)
{
    struct slice length = http_header(r, "Content-Length");
    struct slice encoding = http_header(r, "Transfer-Encoding");
    if (seen->lengths > 1 || seen->encodings > 1 || seen->lengths + seen->encodings > 1)
        return "the length of the body is stated twice";
    if (encoding.at != NULL &&
        (encoding.len != 7 || strncasecmp(encoding.at, "chunked", encoding.len) != 0))
        return "the only transfer encoding taken is chunked";
    for (size_t i = 0; i < length.len; i++) {
        if (!isdigit((unsigned char)length.at[i]))
            return "Content-Length is not a number";
    }
    if (length.at != NULL && length.len == 0)
        return "Content-Length is empty";
    if (seen->is_odd)
        return "a header has a name or a value that HTTP does not allow";
    return NULL;
}

/* The name alone: without port and brackets. */
static bool cut_host(struct slice s, struct slice *host)
{
    struct slice port = SLICE_NONE;
    if (s.len > 0 && s.at[0] == '[') {
        slice_cut((struct slice){s.at + 1, s.len - 1}, ']', host, &port);
        if (port.at == NULL || (port.len > 0 && port.at[0] != ':'))
            return false;
        port = port.len > 0 ? (struct slice){port.at + 1, port.len - 1} : SLICE_NONE;
    } else {
        slice_cut(s, ':', host, &port);
    }
    for (size_t i = 0; i < port.len; i++) {
        if (!isdigit((unsigned char)port.at[i]))
            return false;
    }
    return host->len > 0;
}

static bool is_allowed_host(const struct http_request *r, struct slice header)
{
    const struct http_server *s = r->server;
    struct slice host, own = r->memory_of.host;
    if (!cut_host(header, &host))
        return false;
    if (own.len == host.len && strncasecmp(own.at, host.at, own.len) == 0)
        return true;
    for (size_t i = 0; i < s->host_count; i++) {
        if (strlen(s->hosts[i]) == host.len && strncasecmp(s->hosts[i], host.at, host.len) == 0)
            return true;
    }
    return false;
}

static bool is_safe_method(struct slice method)
{
    return slice_eq_text(method, "GET") || slice_eq_text(method, "HEAD") ||
           slice_eq_text(method, "OPTIONS");
}

static bool wants_stream(const struct http_request *r)
{
    struct slice accept = http_header(r, "Accept");
    return accept.at != NULL &&
           memmem(accept.at, accept.len, "text/event-stream", strlen("text/event-stream")) != NULL;
}

/* The origin of this server is what the client calls it, which is checked before. */
static bool is_own_origin(const struct http_request *r)
{
    struct slice origin = http_header(r, "Origin"), host = http_header(r, "Host");
    if (origin.at == NULL)
        return true;
    struct slice scheme =
        slice_has_prefix(origin, SLICE("https://")) ? SLICE("https://") : SLICE("http://");
    if (!slice_has_prefix(origin, scheme))
        return false;
    struct slice name = {origin.at + scheme.len, origin.len - scheme.len};
    return name.len == host.len && strncasecmp(name.at, host.at, name.len) == 0;
}

static bool is_other_site(const struct http_request *r)
{
    struct slice site = http_header(r, "Sec-Fetch-Site");
    return site.at != NULL && !slice_eq_text(site, "same-origin") && !slice_eq_text(site, "none");
}

enum err http_check_headers(const struct http_request *r, const char **why, bool *is_framing)
{
    struct seen seen = {0};
    see_all(r, &seen);
    *why = find_framing_fault(r, &seen);
    if (*why != NULL) {
        *is_framing = true;
        return ERR_INVALID;
    }
    if (seen.hosts != 1 || !is_allowed_host(r, http_header(r, "Host"))) {
        *why = "the Host header names another server; allow its name with --host";
        return ERR_HOST;
    }
    if ((!is_safe_method(r->method) || wants_stream(r)) &&
        (!is_own_origin(r) || is_other_site(r))) {
        *why = "a page of another site may not do this";
        return ERR_FORBIDDEN;
    }
    if (r->is_bad_uri) {
        *why = "the address is not valid";
        return ERR_INVALID;
    }
    return ERR_NONE;
}
