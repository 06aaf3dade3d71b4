// SPDX-License-Identifier: MIT
#pragma once

const char *status_text(int status); // of enum wshub_status; for people
