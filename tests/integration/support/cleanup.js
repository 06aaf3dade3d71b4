// SPDX-License-Identifier: MIT
// What a test started ends in the reverse order: the hub before the proxy that it talks through, that before the Redis
// behind it. (node:test runs its own `after` hooks in the order in which they were added.)
const stacks = new WeakMap(); // test -> what is left to do

async function unwind(stack) {
  const errors = [];
  while (stack.length) {
    try { await stack.pop()(); } catch (error) { errors.push(error); }
  }
  if (errors.length) throw errors[0];
}

// Calls undo at the end of test t. All are called, and the first error fails the test.
export function atEnd(t, undo) {
  let stack = stacks.get(t);
  if (!stack) {
    stacks.set(t, stack = []);
    t.after(() => unwind(stack));
  }
  stack.push(undo);
}
