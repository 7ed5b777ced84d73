/* Links that show one instance to whoever has them. A link is signed, not stored (core/token.h);
 * that it was made, by whom and until when it shows, is a record in the sys chain, durable before
 * the link is handed out. One thread, the engine's. */
#ifndef SWM_FLOW_SHARE_H
#define SWM_FLOW_SHARE_H

#include "flow/flow.h"

struct share_order { /* texts are copied */
    struct slice id; /* an instance id, a key, or "template/key" */
    struct slice source, actor;
    int64_t expires_at_ms;
};

/* `instance`: its id, where err is ERR_NONE; else `why` may say more than err does. */
typedef void share_reply(void *context, enum err err, struct slice instance, struct slice why);
void share_make(struct flow *f, const struct share_order *o, share_reply *reply, void *context);

#endif
