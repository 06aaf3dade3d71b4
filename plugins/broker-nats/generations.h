/* SPDX-License-Identifier: MIT
 * The stream of one size and TTL of histories.
 *
 * The epoch of a history is random, and stands in the subjects of its stream: whoever publishes under an
 * epoch that is over reaches nobody. A stream that has lost what it had, and would hand out offsets twice,
 * is followed by another, the next generation, and deleted. On the driver's thread. */
#ifndef NATS_GENERATIONS_H
#define NATS_GENERATIONS_H

#include "streams.h"

/* Finds it, or makes it; ends with streams_release. */
void generations_ensure(struct driver *driver, struct stream *stream);
/* It shall remember ids for so many ms at least. What it does, `window` says once it was ensured. */
void generations_want(struct stream *stream, uint64_t window);

#endif
