/* The program where it is linked with no library of the system, as the package for AWS Lambda is:
 * what the system's own libraries would have known. */
#ifndef SWM_APP_STANDALONE_H
#define SWM_APP_STANDALONE_H

/* To be called first of all, before there is a second thread. Does nothing in a program that a
 * loader has loaded. */
void standalone_prepare(void);

#endif
