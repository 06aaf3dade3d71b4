// SPDX-License-Identifier: MIT
// What happens to a NATS under a hub: killed, paused, restarted, drained; a cluster that loses the server the hub is
// connected to. Who is subscribed hears again without doing anything, and is told of the gap.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { startCluster, startNats } from './support/nats.js';
import { startHub, untilSubjects } from './support/nats_hub.js';
import { startProxy } from './support/proxy.js';
import { SCALE, until } from './support/wait.js';

const BACK = 10000;
let serial = 0;

// A message from a to b, once, and before it the word that something may be missing.
async function assertBack(a, b, { gap = true, from = 0 } = {}) {
  const token = `back ${++serial}`;
  await until(BACK, 'a publish that is taken', async () => (await a.request('publish', { channel: 'room', data: token }, { deadline: 10000 })).op === 'ok');
  await b.waitMessage('room', (data) => data === token, { deadline: BACK });
  await b.barrier();
  const frames = b.frames.items.slice(from).map((f) => f.json);
  assert.equal(frames.filter((m) => m.data === token).length, 1);
  const at = frames.findIndex((m) => m.op === 'gap' && m.channel === 'room');
  if (gap) assert.ok(at >= 0 && at < frames.findIndex((m) => m.data === token), 'told of the gap before the message behind it');
}

async function stage(t, nats, config) {
  const hub = await startHub(t, nats, config);
  const [a, b] = await connectMany(t, hub, 2);
  await b.subscribe('room');
  await a.publish('room', 'before');
  await b.waitMessage('room');
  return { hub, a, b, from: b.frames.items.length, logFrom: hub.log.items.length };
}

const reasons = (hub, from) => hub.log.items.slice(from).filter((r) => /^broker (still )?down$/.test(r.event)).map((r) => r.reason);

test('killed and restarted: the link is down with its reason, and comes back with all subscriptions', async (t) => {
  const nats = await startNats(t);
  const { hub, a, b, from, logFrom } = await stage(t, nats);
  await nats.kill9();
  await hub.event('broker down', { from: logFrom });
  const answer = await a.fails('broker_unavailable', 'publish', { channel: 'room', data: 'lost' });
  assert.equal(answer.retry, true);
  await hub.event('broker still down', { from: logFrom });
  await nats.start();
  await hub.event('broker up', { from: logFrom, deadline: BACK });
  await assertBack(a, b, { from });
  assert.match(reasons(hub, logFrom)[0], /^127\.0\.0\.1:\d+: the server closed the connection$/);
  assert.match(reasons(hub, logFrom)[1], /cannot connect/);
  assert.ok(!b.frames.items.some((f) => f.json.data === 'lost'), 'what was refused is not sent later');
  await untilSubjects(nats, ['wshub.room']);
});

test('a hub that starts before its NATS connects when it comes', async (t) => {
  const nats = await startNats(t);
  await nats.kill9();
  const hub = await startHub(t, nats, {}, { ready: false });
  await hub.event('broker down');
  await nats.start();
  await hub.event('ready', { deadline: BACK });
});

test('paused: publishes fail in time, the link goes down, and all is back when it goes on', async (t) => {
  const nats = await startNats(t);
  const { hub, a, b, from, logFrom } = await stage(t, nats, { options: { timeout: '1s', ping_interval: '500ms', connect_timeout: '500ms' } });
  nats.pause();
  const began = performance.now();
  await a.fails('broker_unavailable', 'publish', { channel: 'room', data: 1 }, { deadline: 10000 });
  assert.ok(performance.now() - began < 5000 * SCALE);
  await hub.event('broker down', { from: logFrom });
  assert.match(reasons(hub, logFrom)[0], /no answer for 1000 ms|does not answer pings/);
  nats.resume();
  await hub.event('broker up', { from: logFrom, deadline: BACK });
  await assertBack(a, b, { from });
});

test('paused and idle: pings find it out', async (t) => {
  const nats = await startNats(t);
  const { hub, logFrom } = await stage(t, nats, { options: { ping_interval: '200ms', connect_timeout: '500ms' } });
  nats.pause();
  await hub.event('broker down', { from: logFrom, deadline: BACK });
  nats.resume();
  await hub.event('broker up', { from: logFrom, deadline: BACK });
});

test('paused under load: no thread of the hub is held up, and it stops in time', async (t) => {
  const nats = await startNats(t);
  const { hub, a, b } = await stage(t, nats);
  nats.pause();
  const big = 'x'.repeat(60000);
  for (let i = 0; i < 100; i++) a.request('publish', { channel: 'room', data: big }).catch(() => {});
  assert.equal((await hub.get('/healthz')).status, 200);
  await b.barrier(); // no thread is held up
  const began = performance.now();
  await hub.stop({ code: 0, deadline: 25000 });
  assert.ok(performance.now() - began < 15000 * SCALE);
  t.diagnostic(`stopped in ${Math.round(performance.now() - began)} ms`);
});

test('a connection that is cut is made anew at once', async (t) => {
  const nats = await startNats(t);
  const proxy = await startProxy(t, nats);
  const { hub, a, b, from, logFrom } = await stage(t, { url: `nats://127.0.0.1:${proxy.port}` });
  const began = performance.now();
  proxy.reset();
  await hub.event('broker up', { from: logFrom, deadline: BACK });
  assert.ok(performance.now() - began < 5000 * SCALE);
  await assertBack(a, b, { from });
});

test('garbled replies do no harm', async (t) => {
  const nats = await startNats(t);
  const proxy = await startProxy(t, nats);
  const { hub, a, b, from } = await stage(t, { url: `nats://127.0.0.1:${proxy.port}` }, { options: { timeout: '1s' } });
  proxy.switch('garble', { one: 50, seed: 7 });
  for (let i = 0; i < 200; i++) await a.request('publish', { channel: 'room', data: i }, { deadline: 15000 });
  proxy.switch('pass');
  proxy.reset();
  await assertBack(a, b, { from, gap: false });
  assert.equal((await hub.get('/healthz')).status, 200);
});

test('three servers: the one that the hub is connected to dies, and messages go on', async (t) => {
  const servers = await startCluster(t, 3);
  const url = servers.map((s) => s.url).join(',');
  const { hub, a, b, from, logFrom } = await stage(t, { url });
  const other = await startHub(t, servers[0], { options: { url } });
  const c = await connect(t, other);
  await c.subscribe('room');
  for (let round = 0; round < 2; round++) {
    const log = hub.log.items.length;
    const mine = await serverOf(servers, hub);
    const began = performance.now();
    await mine.kill9();
    await hub.event('broker up', { from: log, deadline: BACK });
    t.diagnostic(`back after ${Math.round(performance.now() - began)} ms`);
    assert.ok(performance.now() - began < 5000 * SCALE, 'within seconds');
    await assertBack(a, b, { from });
    const heard = c.messages('room').length; // its own server may have been the one that died
    await until(BACK, 'the other hub hears what comes', async () => {
      await a.request('publish', { channel: 'room', data: 'for the other' });
      return c.messages('room').length > heard;
    });
    await mine.start();
  }
  assert.ok(reasons(hub, logFrom).length >= 2);
});

// The one whose connections are of this hub.
async function serverOf(servers, hub) {
  for (const server of servers)
    if (server.running && (await server.connections()).some((c) => c.name === `wshub-${hub.id}`)) return server;
  throw new Error('the hub is connected to none');
}

test('a cluster tells of its other servers: the url need name only one', async (t) => {
  const servers = await startCluster(t, 3);
  const { hub, a, b, from, logFrom } = await stage(t, servers[0]);
  await servers[0].kill9();
  await hub.event('broker up', { from: logFrom, deadline: BACK });
  await assertBack(a, b, { from });
});

test('lame duck mode: the hub leaves before the server stops', async (t) => {
  const servers = await startCluster(t, 2, { config: { lame_duck_duration: '30s', lame_duck_grace_period: '10s' } });
  const { hub, a, b, from, logFrom } = await stage(t, { url: servers.map((s) => s.url).join(',') });
  (await serverOf(servers, hub)).lameDuck();
  await hub.event('broker up', { from: logFrom, deadline: BACK });
  assert.match(reasons(hub, logFrom)[0], /lame duck/);
  await assertBack(a, b, { from });
});
