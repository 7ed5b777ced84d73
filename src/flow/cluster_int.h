/* What cluster.c and takeover.c share. */
#ifndef SWM_FLOW_CLUSTER_INT_H
#define SWM_FLOW_CLUSTER_INT_H

#include "flow/flow_int.h"

struct peer {
    struct flow_node node;
    uint64_t folded_pos, sent_pos;
    struct slice queue; /* the driver that it sends to */
    bool is_guest;      /* it may be gone the next moment: nothing is left to it */
};

/* The unfinished work of a node that fell silent. */
struct takeover {
    char id[NAME_BYTES_MAX + 32];
    size_t id_len;
    int64_t seen_at_ms;
    uint64_t from_pos, folded_pos;
    uint32_t loading; /* instances that are being read */
    bool is_active, is_page_asked, is_sent_read, is_read, is_failed, is_flush_asked, is_written,
        is_dropping;
    uint64_t sent_pos; /* messages up to here must be out before the node is forgotten */
    struct visit written;
};

struct cluster {
    struct arena arena;     /* of the peers' texts */
    struct slice own_queue; /* the driver that this node sends to; as long as the peers */
    struct peer *peers;
    uint32_t peer_count, living; /* the living without this one */
    uint32_t leave_failures;
    bool is_beating, is_idle_beat, is_due_asked, is_dropped, is_leaving, has_joined;
    int64_t beat_at_ms, due_at_ms, joined_at_ms, heard_at_ms, take_over_at_ms;
    int64_t steady_from_ms;   /* since when this node's beats have followed each other */
    int64_t company_at_ms;    /* when another node was last seen to live */
    int64_t looked_at_ms;     /* when another was last asked for a list */
    struct takeover takeover; /* one node at a time */
};

bool cluster_is_self(const struct flow *f, struct slice node);

/* takeover.c */
void takeover_round(struct flow *f);

#endif
