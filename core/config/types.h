// SPDX-License-Identifier: MIT
// The types of the table of keys. The field that each one sets is named behind it.
#pragma once

struct type;

extern const struct type type_number;   // uint64_t; the words of the key stand for a value
extern const struct type type_size;     // uint64_t
extern const struct type type_duration; // uint64_t
extern const struct type type_word;     // an enum; one of the words of the key
extern const struct type type_text;     // char *; of the form of the key
extern const struct type type_texts;    // struct config_strings; a list of them, or one alone
extern const struct type type_section;  // none of its own: a map of the keys of the key
extern const struct type type_brokers;  // struct config
extern const struct type type_auth;     // struct config; a word of the key, or a list
extern const struct type type_channels; // struct config
extern const struct type type_presence; // struct config_channel; a word of the key, or a map of its keys
extern const struct type type_options;  // struct config_plugin
