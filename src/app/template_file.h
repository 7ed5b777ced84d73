/* A template as text: from a file, or from the server by its name; and what is wrong with it, shown
 * where it is wrong. */
#ifndef SWM_APP_TEMPLATE_FILE_H
#define SWM_APP_TEMPLATE_FILE_H

#include "app/cli.h"
#include "core/template.h"

struct template_file {
    struct slice source;
    struct template_report report;
    struct template *template; /* NULL: it is not valid */
};

/* Parses f->source. Without --json what is wrong is said. */
bool template_file_parse(struct cli *c, const char *file, struct template_file *f);
/* `word`: a file that exists, else NAME or NAME@VERSION. Anything but EXIT_OK has been explained.
 */
int template_file_load(struct cli *c, const char *word, struct template_file *f);
/* The server's address of NAME or NAME@VERSION. */
const char *template_file_path(struct cli *c, const char *word);
/* {"file","valid",…} on one line. */
void template_file_print(struct cli *c, const char *file, const struct template_file *f);
/* Errors as the server lists them ([{line,column,message}]), with the lines they are about. */
void template_file_say(struct cli *c, const char *file, struct slice source, yyjson_val *errors,
                       bool is_warning);
void template_file_put(struct cli *c, struct slice source); /* line by line */

#endif
