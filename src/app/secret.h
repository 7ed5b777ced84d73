/* Configuration that must not be seen beside the program: variables kept in AWS Secrets Manager. */
#ifndef SWM_APP_SECRET_H
#define SWM_APP_SECRET_H

#include "base/err.h"

/* SWM_SECRET names a secret by its ARN. It holds JSON such as
 * {"SWM_ADMIN_KEY":"…","SWM_STORE":"…"}; each becomes a variable of the environment, unless there
 * is one of that name already. Nothing is done where SWM_SECRET is not set. Takes up to some
 * seconds. ERR_INVALID: it is no ARN, or the secret is not such JSON; ERR_REFUSED: it was not
 * handed out; ERR_IO: no answer. Why has been logged. */
enum err secret_read(void) MUST_USE;

#endif
