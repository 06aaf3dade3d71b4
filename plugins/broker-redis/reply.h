/* SPDX-License-Identifier: MIT
 * What a reply is. Whatever comes from a server is untrusted: every look at a reply goes through here. */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

#include "wshub/message.h"
#include "wshub/status.h"

bool reply_is_error(const redisReply *reply);
bool reply_is_integer(const redisReply *reply);
bool reply_is_string(const redisReply *reply); /* with bytes */
bool reply_is_nil(const redisReply *reply);
bool reply_is_status(const redisReply *reply, const char *text); /* "OK", "PONG" */
bool reply_is_array(const redisReply *reply, size_t least);      /* of at least so many elements */
/* A string that says `text`, in any case. */
bool reply_says(const redisReply *reply, const char *text);
/* Of a string, status or error. Borrowed from the reply. */
struct wshub_bytes reply_bytes(const redisReply *reply);

/* What an error reply means for whoever has asked. */
enum wshub_status reply_error_status(const redisReply *reply);
/* True for the errors of a server that has stopped being the master. */
bool reply_is_demotion(const redisReply *reply);
/* True for the error, even of PING, of a server that can store nothing at present. It carries messages still.
 */
bool reply_is_unwritable(const redisReply *reply);

/* "prefix: the error's text", printable and cut to size. */
void reply_error_text(const redisReply *reply, const char *prefix, char *out, size_t size);

#endif
