// SPDX-License-Identifier: MIT
// A hub in full use on a Redis that is about to fail: clients with subscriptions and registry entries, and what must be
// true while Redis is away and within five seconds of its being back.
import assert from 'node:assert/strict';
import { connectMany } from './client.js';
import { QUICK_REGISTRY, assertSaid, keysOf, readiness, said, startHub, untilReady, untilRegistered, untilSubscribed } from './redis_hub.js';
import { SCALE, until } from './wait.js';

const BACK = 5000; // ms, from Redis being back to everything being back
const AT_ONCE = 500; // ms in which an operation fails while the link is down

const CHANNELS = ['all', 'odd', 'even', ...Array.from({ length: 20 }, (_, i) => `own:${i}`)];

// Every client is in `all` and in one of two halves, and the first ones share twenty channels of their own.
const channelsOfClient = (i) => ['all', i % 2 ? 'odd' : 'even', ...CHANNELS.filter((name) => name === `own:${i}` || name === `own:${i + 10}`)];

export class Scene {
  constructor(redis, hub, clients, publisher) {
    Object.assign(this, { redis, hub, clients, publisher });
    this.channels = clients.map((_, i) => channelsOfClient(i));
    this.wanted = Object.fromEntries(CHANNELS.map((name) => [name, 1]));
    this.serial = 0;
    this.mark();
  }

  // What comes from now on belongs to the next fault.
  mark() {
    this.logFrom = this.hub.log.items.length;
    this.framesFrom = this.clients.map((c) => c.frames.items.length);
  }

  get members() { return [...this.clients, this.publisher]; }

  down(options) { return this.hub.event('broker down', { from: this.logFrom, ...options }); }

  // While the link is down: nobody waits, everybody is told to try again.
  async refusedAtOnce() {
    for (const [op, fields] of [['publish', { channel: 'all', data: 'lost' }], ['subscribe', { channel: 'new' }]]) {
      const since = performance.now();
      const answer = await this.publisher.fails('broker_unavailable', op, fields);
      const took = performance.now() - since;
      assert.equal(answer.retry, true);
      assert.ok(took < AT_ONCE * SCALE, `${op} failed after ${Math.round(took)} ms`);
    }
    assert.equal(await readiness(this.hub), 503);
    assert.equal((await this.hub.get('/healthz')).status, 200);
    await this.publisher.barrier();
  }

  // Call when Redis has just come back. `gap`: false when the link was never lost.
  async recovered({ gap = true, deadline = BACK } = {}) {
    const since = performance.now();
    const left = () => Math.max(1, deadline - (performance.now() - since) / SCALE);
    await untilReady(this.hub, left());
    await untilSubscribed(this.redis, this.wanted, left());
    await untilRegistered(this.redis, keysOf(this.hub, this.members), left());
    await this.flows(left());
    if (gap) this.assertGaps();
    const metrics = await this.hub.metrics();
    assert.equal(metrics.sum('wshub_channels_lost'), 0);
    assert.equal(metrics.sum('wshub_broker_up'), 1);
  }

  // A message to every channel reaches all its subscribers, once.
  async flows(deadline = BACK) {
    const token = `flows ${++this.serial}`;
    await Promise.all(CHANNELS.map((channel) => this.publisher.publish(channel, token)));
    for (const [i, client] of this.clients.entries()) {
      for (const channel of this.channels[i]) await client.waitMessage(channel, (data) => data === token, { deadline });
      await client.barrier();
      for (const channel of this.channels[i])
        assert.equal(client.messages(channel).filter((m) => m.data === token).length, 1, `${channel}, client ${i}`);
    }
  }

  // Each client was told of each of its channels that something may be missing, before the next message of it.
  assertGaps() {
    for (const [i, client] of this.clients.entries()) {
      const frames = client.frames.items.slice(this.framesFrom[i]).map((f) => f.json);
      for (const channel of this.channels[i]) {
        const gap = frames.findIndex((m) => m.op === 'gap' && m.channel === channel);
        const flow = frames.findLastIndex((m) => m.op === 'message' && m.channel === channel && /^flows/.test(m.data));
        assert.ok(gap >= 0, `client ${i} was not told of the gap in ${channel}: ${JSON.stringify(frames.slice(0, 10))}`);
        assert.ok(gap < flow, `client ${i} was told of the gap in ${channel} after the message behind it`);
      }
    }
  }

  // One outage: it is told once that it began and once that it ended, however often the hub tried in between.
  assertToldOnce() {
    assertSaid(this.hub, 'broker down', 1, this.logFrom);
    assertSaid(this.hub, 'broker up', 1, this.logFrom);
    const complaints = this.hub.log.items.slice(this.logFrom).filter((r) => r.level === 'warn' || r.level === 'error');
    const repeated = complaints.map((r) => r.line.replace(/^time=\S+ /, '')).filter((line, i, all) => all.indexOf(line) !== i);
    assert.deepEqual(repeated, [], 'said twice');
  }

  // Of a fault that may flap the link: no line per retry.
  assertToldOfChanges(attempts) {
    const downs = said(this.hub, 'broker down', this.logFrom).length;
    const ups = said(this.hub, 'broker up', this.logFrom).length;
    assert.ok(downs <= attempts, `"broker down" ${downs} times, with ${attempts} connections made`);
    assert.ok(Math.abs(downs - ups) <= 1, `down ${downs} times, up ${ups} times`);
  }
}

// A hub on `broker` (the Redis, or a proxy before it), with ten clients and one that publishes.
export async function stage(t, redis, broker = redis, config = {}) {
  const hub = await startHub(t, broker, { registry: { ...QUICK_REGISTRY, instance_ttl: '5s', connection_ttl: '10s' }, ...config });
  const [publisher, ...clients] = await connectMany(t, hub, 11);
  const scene = new Scene(redis, hub, clients, publisher);
  await Promise.all(clients.flatMap((c, i) => scene.channels[i].map((channel) => c.subscribe(channel))));
  await untilSubscribed(redis, scene.wanted);
  await untilRegistered(redis, keysOf(hub, scene.members));
  await scene.flows();
  scene.mark();
  return scene;
}

// So many more connections have been made to the proxy: the hub has tried again and again.
export function untilRetried(proxy, times, deadline = 20000) {
  const from = proxy.connections;
  return until(deadline, () => `${times} more connections; ${proxy.connections - from} so far`, () => proxy.connections - from >= times);
}
