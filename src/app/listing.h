/* The events of one instance as lines: those there are, and those that come. */
#ifndef SWM_APP_LISTING_H
#define SWM_APP_LISTING_H

#include "app/cli.h"

enum listing_end {
    LISTING_NOW,    /* what there is */
    LISTING_FINISH, /* until the instance is finished; EXIT_REFUSED unless it is COMPLETED */
    LISTING_NEVER   /* for ever */
};

/* `instance`: an id, not a key. With --json each event is a line of JSON. */
int listing_print(struct cli *c, const char *instance, enum listing_end end);

#endif
