/* What a PAM module must leave as it was in its host, written as JSON. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

/* Writes one JSON object to `fd`; allocates nothing and opens nothing, so that it
 * works under any limit. */
void write_snapshot(int fd);

#endif
