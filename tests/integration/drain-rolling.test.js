// SPDX-License-Identifier: MIT
// P8 for a deploy: three instances are replaced one after the other, and their clients move to the others at the pace
// of the window. Without a history messages of the moment may be missed; subscriptions come back, and nobody is cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from './support/cleanup.js';
import { Client } from './support/client.js';
import { start } from './support/hub.js';
import { startRedis } from './support/redis.js';
import { until, within } from './support/wait.js';

const INSTANCES = 3;
const CLIENTS = 240;
const WINDOW = 2000; // ms

// What a client does that is told to go: it waits as long as it was told, and comes back, elsewhere.
class Wanderer {
  constructor(fleet) {
    this.fleet = fleet;
    this.moves = []; // when it was to be back, as the hub has told it
    this.odd = []; // ends and failures that no drain explains
    this.leaving = false;
  }

  async settle() {
    this.client = await Client.connect(this.fleet.pick());
    await this.client.subscribe('room');
    this.client.closed.then((end) => this.move(end)).catch((error) => this.odd.push(error.message));
  }

  async move(end) {
    if (this.leaving) return;
    const closing = this.client.frames.items.map((f) => f.json).find((m) => m.op === 'closing');
    if (end.code !== 1001 || !closing) this.odd.push(`${end.code} ${end.reason}`);
    const back = performance.now() + (closing?.reconnect_after_ms ?? 0);
    await new Promise((resolve) => setTimeout(resolve, closing?.reconnect_after_ms ?? 0));
    await this.settle();
    this.moves.push(back);
  }

  leave() {
    this.leaving = true;
    this.client.ws.terminate();
  }
}

// The instances of the moment. Who comes is sent to those that are ready, in turn.
class Fleet {
  constructor(t, config) {
    Object.assign(this, { t, config, hubs: [], turn: 0 });
  }

  async add() {
    const hub = await start({ ...this.config, drain: { delay: '0s', window: `${WINDOW}ms`, timeout: '30s' } });
    atEnd(this.t, () => hub.stop());
    this.hubs.push(hub);
  }

  pick() { return this.hubs[this.turn++ % this.hubs.length]; }
}

// The most that happened within `span` ms.
function peak(times, span) {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while (sorted[last] - sorted[first] > span) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

test('P8: three instances on Redis are replaced, and what each publishes reaches all again', async (t) => {
  const redis = await startRedis(t);
  const config = { brokers: [{ name: 'main', plugin: 'redis', options: { url: redis.url } }] };
  const fleet = new Fleet(t, config);
  for (let i = 0; i < INSTANCES; i++) await fleet.add();
  const wanderers = Array.from({ length: CLIENTS }, () => new Wanderer(fleet));
  t.after(() => wanderers.forEach((w) => w.leave()));
  for (let i = 0; i < CLIENTS; i += 40) await Promise.all(wanderers.slice(i, i + 40).map((w) => w.settle()));

  for (let i = 0; i < INSTANCES; i++) {
    await fleet.add(); // the new one is there before the old one goes
    const old = fleet.hubs.shift();
    const before = wanderers.map((w) => w.moves.length);
    const connections = (await old.metrics()).sum('wshub_connections');
    old.kill('SIGTERM');
    const end = await old.stop({ deadline: 30000 });
    assert.equal(end.code, 0);
    const drained = await old.event('drained');
    assert.deepEqual([drained.connections, drained.forced, drained.lost_bytes, drained.unsettled].map(Number), [connections, 0, 0, 0], drained.line);
    const moved = () => wanderers.flatMap((w, n) => w.moves.slice(before[n]));
    await until(10000, 'all have moved', () => moved().length >= connections);
    // Even: in a third of the window a third of them, and some for what a busy machine does to the clock.
    const most = peak(moved(), WINDOW / 3);
    assert.ok(most <= connections * 0.6, `${most} of ${connections} came back within ${WINDOW / 3} ms`);
  }

  assert.deepEqual(wanderers.flatMap((w) => w.odd), []);
  assert.equal(wanderers.flatMap((w) => w.moves).length >= CLIENTS, true, 'everybody has moved at least once');
  const publishers = await Promise.all(fleet.hubs.map((hub) => Client.connect(hub)));
  t.after(() => publishers.forEach((p) => p.ws.terminate()));
  for (const p of publishers) await p.publish('room', 'after');
  await within(10000, 'a message to everybody', Promise.all(wanderers.map((w) =>
    until(10000, 'a copy from each', () => w.client.messages('room').length >= INSTANCES))));
  for (const w of wanderers) assert.equal(w.client.messages('room').length, INSTANCES, 'once from each who reaches it');
  const { room } = await redis.subscriptions('room');
  assert.equal(room, INSTANCES, 'one subscription for each that is there, none of those that were');
});
