// SPDX-License-Identifier: MIT
// A TCP proxy that stands between a hub and its broker and does to the replies what networks do. What it does can be
// changed while it runs, for connections that are there and those to come.
//
//   pass       as they come
//   delay      { ms }            later, in order
//   cut        { after }         the connection is reset after so many bytes of replies, counted from now
//   truncate   { one, seed }     one of so many chunks loses its end; the connection goes on
//   garble     { one, seed }     one of so many bytes is another
//   stall                        replies are not read: the server's output buffer fills
//   blackhole                    nothing passes either way, nothing is lost: a partition
//   refuse                       new connections are closed at once, those there stay
//
// With `where`, a predicate, only the connections that it accepts suffer; it is given a Pair, whose `sent` is what the hub
// said first.
import { once } from 'node:events';
import net from 'node:net';
import { atEnd } from './cleanup.js';
import { below, seeded } from './random.js';

// One connection: `client` is the hub's side, `server` the broker's.
class Pair {
  constructor(proxy, client) {
    Object.assign(this, { proxy, client, server: null, sent: '', passed: 0, held: Promise.resolve() });
    client.setNoDelay(true);
    for (const event of ['error', 'close']) client.on(event, () => this.end());
  }

  dial() {
    this.server = net.connect(this.proxy.target);
    this.server.setNoDelay(true);
    for (const event of ['error', 'close']) this.server.on(event, () => this.end());
    this.server.on('data', (bytes) => this.#reply(bytes));
    this.client.on('data', (bytes) => {
      if (this.sent.length < 1000) {
        this.sent += bytes.toString('latin1', 0, 1000);
        if (this.proxy.options.where) this.apply(); // now it may be known whose it is
      }
      this.server.write(bytes);
    });
    this.client.on('end', () => this.server.end());
    this.server.on('end', () => this.client.end());
  }

  get mode() { return this.proxy.options.where?.(this) === false ? 'pass' : this.proxy.mode; }

  // A client in a blackhole is not even connected; what it writes waits in its socket.
  apply() {
    const { mode } = this;
    this.passed = 0;
    if (mode === 'blackhole') this.client.pause();
    else {
      if (!this.server) this.dial();
      this.client.resume();
    }
    if (mode === 'blackhole' || mode === 'stall') this.server?.pause();
    else this.server?.resume();
  }

  #reply(bytes) {
    const { mode, proxy: { options, random } } = this;
    this.passed += bytes.length;
    if (mode === 'delay') this.#send(bytes, options.ms);
    else if (mode === 'cut' && this.passed >= options.after) this.#cut(bytes, this.passed - options.after);
    else if (mode === 'truncate' && below(random, options.one) === 0) this.#send(bytes.subarray(0, below(random, bytes.length)), 0);
    else if (mode === 'garble') this.#send(garbled(bytes, options.one, random), 0);
    else this.#send(bytes, 0);
  }

  // Behind whatever is still held back.
  #send(bytes, ms) {
    if (ms === 0 && this.quick !== false) { this.client.write(bytes); return; }
    this.quick = false; // from the first delay on, order is kept by the chain
    const due = performance.now() + ms;
    this.held = this.held.then(() => new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now()))))
      .then(() => this.client.writable && this.client.write(bytes));
  }

  #cut(bytes, beyond) {
    this.client.write(bytes.subarray(0, bytes.length - beyond), () => this.reset());
    this.server.pause();
  }

  reset() {
    this.client.resetAndDestroy?.();
    this.end();
  }

  end() {
    this.proxy.pairs.delete(this);
    this.client.destroy();
    this.server?.destroy();
  }
}

function garbled(bytes, one, random) {
  const copy = Buffer.from(bytes);
  for (let i = 0; i < copy.length; i++) if (below(random, one) === 0) copy[i] ^= 1 + below(random, 255);
  return copy;
}

export class Proxy {
  constructor(target) {
    this.target = target; // what net.connect takes
    this.pairs = new Set();
    this.connections = 0; // ever made to it
    this.switch('pass');
    this.server = net.createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get url() { return `redis://127.0.0.1:${this.port}`; }

  async listen() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    return this;
  }

  #accept(client) {
    this.connections++;
    if (this.mode === 'refuse') { client.on('error', () => {}); client.destroy(); return; }
    const pair = new Pair(this, client);
    this.pairs.add(pair);
    pair.apply();
  }

  switch(mode, options = {}) {
    this.mode = mode;
    this.options = options;
    this.random = seeded(options.seed ?? 1);
    for (const pair of this.pairs) pair.apply();
  }

  // Every connection there is ends now, with RST.
  reset() { for (const pair of [...this.pairs]) pair.reset(); }

  async stop() {
    this.server.close();
    for (const pair of [...this.pairs]) pair.end();
  }
}

// In front of a Redis, or of any { port }.
export async function startProxy(t, { port, host = '127.0.0.1' }) {
  const proxy = await new Proxy({ port, host }).listen();
  atEnd(t, () => proxy.stop());
  return proxy;
}
