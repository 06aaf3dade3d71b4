// SPDX-License-Identifier: MIT
// Deadlines. No test sleeps: it waits for something that must happen, and says what when it does not.

// Instrumented builds are slower: WSHUB_TEST_SCALE stretches every deadline, never an expectation.
export const SCALE = Number(process.env.WSHUB_TEST_SCALE ?? 1);

// The promise's value, or a rejection that names what was awaited.
export function within(ms, what, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const text = typeof what === 'function' ? what() : what;
      reject(new Error(`not within ${ms * SCALE} ms: ${text}`));
    }, ms * SCALE);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

// For what can only be asked, not awaited (a page of metrics, a refused port): asks until the answer is true.
export async function until(ms, what, ask) {
  const end = performance.now() + ms * SCALE;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`not within ${ms * SCALE} ms: ${typeof what === 'function' ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// A list that can be awaited: push() from an event, next(predicate) takes the first match, past or future.
export class Inbox {
  constructor(name) {
    this.name = name;
    this.items = []; // all that ever came, in order
    this.waiters = new Set();
    this.failure = null;
  }

  push(item) {
    this.items.push(item);
    for (const waiter of this.waiters) waiter();
  }

  // Whoever waits now or later gets this error, once nothing that came before matches.
  fail(error) {
    this.failure ??= error;
    for (const waiter of this.waiters) waiter();
  }

  // The first item from index `from` on that the predicate accepts.
  next(predicate, { from = 0, deadline = 5000, what = String(predicate) } = {}) {
    let at = from;
    let look;
    const found = new Promise((resolve, reject) => {
      look = () => {
        for (; at < this.items.length; at++) if (predicate(this.items[at])) return resolve(this.items[at]);
        if (this.failure) reject(new Error(`${this.name}: ${this.failure.message}; waiting for ${what}`));
      };
      look();
      this.waiters.add(look);
    });
    const last = () => JSON.stringify(this.items.slice(-5)).slice(0, 2000);
    return within(deadline, () => `${this.name}: ${what}; the last of ${this.items.length}: ${last()}`, found)
      .finally(() => this.waiters.delete(look));
  }
}
