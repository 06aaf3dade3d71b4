/* SPDX-License-Identifier: MIT
 * The slots of this plugin. Tokens are judged on threads of its own, for a signature takes up to some
 * milliseconds; the hub thread only hands them over. */
#ifndef JWT_LOGIN_H
#define JWT_LOGIN_H

#include "wshub/wshub.h"

int login_check(const struct wshub_host *host);
int login_open(const struct wshub_host *host, void **self);
void login_close(void *self);
int login_authenticate(void *self, const struct wshub_request *request, wshub_token token);
void login_reload(void *self);

#endif
