// SPDX-License-Identifier: MIT
// What the texts of a configuration must look like.
#pragma once

struct form;

extern const struct form form_address; // as net/address.h reads it
extern const struct form form_name;    // 1 to 64 of A-Z a-z 0-9 . _ -
extern const struct form form_origin;  // same-host, *, https://app.example.com
extern const struct form form_plugin;  // a plugin's name, or a path to its file
extern const struct form form_auth;    // likewise
extern const struct form form_folder;  // a path
extern const struct form form_match;   // a channel's name, with * for any bytes
extern const struct form form_network; // as net/networks.h reads it
extern const struct form form_api_key; // 16 to 512 printable characters; secret

// Of where a client may put its token; "" stands for not there.
extern const struct form form_parameter; // of a query
extern const struct form form_cookie;    // a cookie's name
extern const struct form form_prefix;    // what an element of Sec-WebSocket-Protocol begins with
