// SPDX-License-Identifier: MIT
// The cases of the group "library" that are about options.
#pragma once

struct check;

void options_declared(struct check *check);
void options_typed(struct check *check);
void options_nonsense(struct check *check);
void options_repeated(struct check *check);
void options_secret(struct check *check);
