// SPDX-License-Identifier: MIT
// Numbers that look random and come again with the same seed: a failure can be repeated.

// A function that gives the next number of [0, 1). mulberry32: 32 bits of state are plenty for shuffling.
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const below = (random, limit) => Math.floor(random() * limit);

export function shuffle(random, list) {
  for (let i = list.length - 1; i > 0; i--) {
    const other = below(random, i + 1);
    [list[i], list[other]] = [list[other], list[i]];
  }
  return list;
}
