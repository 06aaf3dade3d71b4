// SPDX-License-Identifier: MIT
// Requests and operations that nobody has configured: odd, broken, huge, and nearly right. What an inquiry
// points to lives as long as the case.
#pragma once

#include "auth/inquiry.h"

// Odd ones, each by its number: tokens at every place, and requests of every shape.
size_t hostile_count(void);
void hostile_make(struct check *check, size_t index, struct inquiry *inquiry);
// A token that is random, and so another one each time.
void hostile_make_stranger(struct check *check, struct inquiry *inquiry);

// What a request that is let in becomes when somebody changes a little about what it is known by.
size_t hostile_near_count(void);
// False: it has nothing that could be changed so.
bool hostile_make_near(struct check *check, const struct inquiry *right, size_t index,
                       struct inquiry *inquiry);

size_t hostile_operation_count(void);
void hostile_make_operation(struct check *check, size_t index, struct inquiry *inquiry);
