/* The ways in which hosts make a module's life hard, as command line options. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>

/* Does what `option` says, with `value` (NULL where the option has none).
 * Returns false where there is no such option. Ends the process where it fails. */
bool make_hostile(const char *option, const char *value);

/* Whether the option takes a value. */
bool hostile_takes_value(const char *option);

#endif
