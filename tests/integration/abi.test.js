// SPDX-License-Identifier: MIT
// The real hub on the plugins that were written against ABI 1.0 to 1.3 and are never edited (tests/abi): every slot and
// every service of those versions still does what it did.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { connect } from './support/client.js';
import { ROOT, request, run, start } from './support/hub.js';
import { until } from './support/wait.js';

const PLUGIN = process.env.WSHUB_ABI_PLUGIN ?? join(ROOT, 'build/tests/abi/v1_0.so');

const NEXT = join(dirname(PLUGIN), 'v1_1.so');

const AUTH = join(dirname(PLUGIN), 'v1_2.so');

const DENSE = join(dirname(PLUGIN), 'v1_3.so');

const broker = (options = {}) => ({ brokers: [{ name: 'main', plugin: PLUGIN, options }] });

test('ABI 1.0: messages go through it in order, with their sender', async (t) => {
  const hub = await start(broker(), { t });
  const [anna, bert] = [await connect(t, hub), await connect(t, hub)];
  await anna.subscribe('room:1');
  for (let n = 0; n < 100; n++) await bert.publishRaw('room:1', `{"n": ${n}}`);
  await anna.waitMessage('room:1', (data) => data.n === 99);
  const messages = anna.messages('room:1');
  assert.deepEqual(messages.map((m) => m.data.n), [...Array(100).keys()]);
  assert.ok(messages.every((m) => m.from.connection === bert.welcome.connection));
  assert.equal(bert.messages('room:1').length, 0);
  await anna.unsubscribe('room:1');
  await bert.publish('room:1', 'unheard');
  await anna.barrier();
  assert.equal(anna.messages('room:1').length, 100);
});

test('ABI 1.0: the link comes up by a post, and the hub is ready by a probe through the plugin', async (t) => {
  const hub = await start(broker(), { t });
  await hub.event('broker up', { where: { broker: 'main' } });
  await until(5000, '/readyz is 200', async () => (await request(`${hub.url}/readyz`)).status === 200);
});

test('ABI 1.0: options and fallbacks reach it, and its log reaches the hub\'s', async (t) => {
  const hub = await start(broker({ title: 'written in 2026', channels: 4, sweep: '50ms', registry: '1MiB' }), { t });
  await hub.event('written in 2026', { where: { broker: 'main' } });
  const client = await connect(t, hub);
  await client.subscribe('room:1');
  await client.subscribe('room:2'); // two others are the hub's: its probe, and what is sent to this instance
  await client.fails('denied', 'subscribe', { channel: 'room:3' });
  await client.unsubscribe('room:1');
});

test('ABI 1.0: check refuses what only the plugin can know', async () => {
  const config = join(ROOT, 'tests/abi/v1_0/refused.yaml');
  const end = await run(['check', '-c', config], { env: { WSHUB_ABI_PLUGIN: PLUGIN } });
  assert.equal(end.code, 2, end.stderr);
  assert.match(end.stdout + end.stderr, /title.*expected a text that is not empty/);
});

test('ABI 1.1: the timeout reaches it, and a rule\'s history and last value', async (t) => {
  const hub = await start({
    brokers: [{ name: 'main', plugin: NEXT }],
    timeouts: { broker: '7s' },
    channels: [{ match: 'tick', last_value: true, history: { size: 10, ttl: '1m' } }, { match: '*' }],
  }, { t });
  await hub.event('the hub waits 7000 ms', { where: { broker: 'main' } });
  const [anna, bert, carl] = [await connect(t, hub), await connect(t, hub), await connect(t, hub)];
  for (let n = 0; n < 20; n++) await anna.publish('tick', n);
  await anna.publish('other', 'not kept');
  await bert.subscribe('other');
  await bert.subscribe('tick');
  await anna.publish('tick', 20);
  await bert.waitMessage('tick', (data) => data === 20);
  await carl.subscribe('tick');
  await carl.waitMessage('tick');
  const heard = (client) => client.messages('tick').map((m) => [m.data, m.last]);
  assert.deepEqual(heard(bert), [[19, true], [20, undefined]]);
  assert.deepEqual(heard(carl), [[20, true]]);
  assert.deepEqual(bert.messages('other'), []);
});

const door = (more = {}) => ({
  auth: [{ name: 'door', plugin: AUTH, options: { title: 'I am at the door' } }],
  channels: [{ match: '*', subscribe: 'granted', publish: 'granted' }],
  ...more,
});
const enter = (t, hub, token) => connect(t, hub, { path: `/ws?token=${encodeURIComponent(token)}` });

test('ABI 1.2: who is let in is who the plugin says, at once, by a timer and by a post', async (t) => {
  const hub = await start(door({ timeouts: { auth: '7s' } }), { t });
  await hub.event('I am at the door', { where: { auth: 'door' } });
  await hub.event('the hub waits 7000 ms', { where: { auth: 'door' } });
  for (const [token, user] of [['now:anna', 'anna'], ['later:bert', 'bert'], ['post:carl', 'carl']]) {
    const client = await enter(t, hub, token);
    assert.equal(client.welcome.user, user);
    await client.subscribe('room:1'); // by a star
    await client.subscribe(`user:${user}`); // by {user}
    await client.subscribe('as:*{user}'); // byte for byte
    await client.fails('denied', 'subscribe', { channel: 'as:anything' });
    await client.fails('denied', 'subscribe', { channel: 'user:dora' });
  }
});

test('ABI 1.2: what is not granted is asked for', async (t) => {
  const hub = await start(door(), { t });
  const [anna, bert] = [await enter(t, hub, 'now:anna'), await enter(t, hub, 'now:bert')];
  await anna.publish('user:anna', 1); // granted
  await anna.publish('anna:wall', 1);
  await bert.publish('bert:wall', 1);
  await anna.fails('denied', 'publish', { channel: 'bert:wall', data: 1 });
  await anna.fails('denied', 'publish', { channel: 'anna:wall', data: 'x'.repeat(101) });
  await anna.fails('denied', 'subscribe', { channel: 'anna:wall' }); // it asks for publish alone
});

test('ABI 1.2: who is not let in', async (t) => {
  const hub = await start(door({ timeouts: { auth: '300ms', connect: '0s' } }), { t });
  for (const [token, status] of [['nonsense', 401], ['some:anna', 401], ['old:anna', 401], ['never:anna', 503], ['', 401]]) {
    await assert.rejects(connect(t, hub, { path: `/ws?token=${encodeURIComponent(token)}` }), { status }, token);
  }
  await hub.event('auth plugin did not answer in time', { where: { auth: 'door', slot: 'authenticate' } });
});

test('ABI 1.2: refresh, and a SIGHUP that reaches reload', async (t) => {
  const hub = await start(door(), { t });
  const anna = await enter(t, hub, 'now:anna');
  await anna.subscribe('room:1');
  await anna.ok('refresh', { token: 'later:anna' });
  await anna.fails('denied', 'refresh', { token: 'now:bert' });
  await anna.fails('denied', 'refresh', { token: 'nonsense' });
  await anna.publish('user:anna', 'still here');
  hub.child.kill('SIGHUP');
  await hub.event('there is nothing to read', { where: { auth: 'door' } });
});

test('ABI 1.3: positions of publishes, keys, and what was missed', async (t) => {
  const hub = await start({
    brokers: [{ name: 'main', plugin: DENSE }],
    channels: [{ match: 'room:*', history: { size: 100, ttl: '1m', key_window: '1m' } }],
    unsubscribe_linger: '0s',
  }, { t });
  const [anna, bert] = [await connect(t, hub), await connect(t, hub)];
  await bert.subscribe('room:1');
  for (const [n, key] of [[1, 'a'], [2, 'b'], [1, 'a'], [3, 'c']]) {
    const { position } = await anna.ok('publish', { channel: 'room:1', data: n, key });
    assert.deepEqual(position, { epoch: 'dense-and-only', offset: n });
  }
  await bert.waitMessage('room:1', (data) => data === 3);
  await bert.unsubscribe('room:1');
  await anna.publish('room:1', 4);
  const ok = await bert.ok('subscribe', { channel: 'room:1', since: { epoch: 'dense-and-only', offset: 3 } });
  assert.equal(ok.recovered, true);
  await bert.waitMessage('room:1', (data) => data === 4);
  assert.deepEqual(bert.messages('room:1').map((m) => [m.data, m.offset]), [[1, 1], [2, 2], [3, 3], [4, 4]]);
});

test('ABI 1.3: its history serves what goes through a broker of 1.0, which carries positions without knowing it', async (t) => {
  const hub = await start({
    brokers: [{ name: 'live', plugin: PLUGIN }, { name: 'past', plugin: DENSE }],
    channels: [{ match: 'room:*', broker: 'live', history: { size: 100, ttl: '1m', via: 'past' } }],
  }, { t });
  const [anna, bert] = [await connect(t, hub), await connect(t, hub)];
  for (let n = 1; n <= 3; n++) await anna.publish('room:1', n);
  const ok = await bert.ok('subscribe', { channel: 'room:1', since: { epoch: 'dense-and-only', offset: 1 } });
  assert.equal(ok.recovered, true);
  await anna.publish('room:1', 4);
  await bert.waitMessage('room:1', (data) => data === 4);
  assert.deepEqual(bert.messages('room:1').map((m) => [m.data, m.offset]), [[2, 2], [3, 3], [4, 4]]);
});
