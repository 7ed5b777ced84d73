/* The version of this program: what git describes, or the last release where there is no git. The
 * build generates its definition. */
#ifndef SWM_BASE_VERSION_H
#define SWM_BASE_VERSION_H

extern const char version_text[];

#endif
