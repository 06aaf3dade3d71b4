// SPDX-License-Identifier: MIT
// Several brokers under one hub: channels go by their rule, health is told by name, and what one suffers is nothing to the
// channels of another.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from './support/cleanup.js';
import { connect, connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { startNats } from './support/nats.js';
import { startRedis } from './support/redis.js';
import { channelsOf, readiness, untilNotReady, untilReady } from './support/redis_hub.js';
import { until } from './support/wait.js';

const PERIOD = 2000; // of the hub's probe

// `brokers`: { name: { plugin, options } } in their order; a channel `NAME:...` is of the broker NAME, all others of the
// first. The registry is quick, to be looked at.
async function startOn(t, brokers, config = {}, options = {}) {
  const hub = await start({
    unsubscribe_linger: '0s',
    registry: { connection_ttl: '2s', instance_ttl: '1s', heartbeat: '300ms' },
    brokers: Object.entries(brokers).map(([name, broker]) => ({ name, ...broker })),
    channels: Object.keys(brokers).map((name) => ({ match: `${name}:*`, broker: name })),
    ...config,
  }, options);
  atEnd(t, () => hub.stop());
  return hub;
}

const onRedis = (redis, options = {}) => ({ plugin: 'redis', options: { url: redis.url, ...options } });
const onNats = (nats, options = {}) => ({ plugin: 'nats', options: { url: nats.url, ...options } });

const gaps = (client, channel) => client.frames.items.filter((f) => f.json.op === 'gap' && f.json.channel === channel).length;
const heard = (client, channel) => client.messages(channel).map((m) => m.data);

// Until the numbers of a broker are as said: { up, ready }.
function untilBroker(hub, broker, wanted, deadline = 5000) {
  let last;
  return until(deadline, () => `${broker} ${JSON.stringify(wanted)}, last seen ${JSON.stringify(last)}`, async () => {
    const metrics = await hub.metrics();
    last = Object.fromEntries(Object.keys(wanted).map((name) => [name, metrics.sum(`wshub_broker_${name}`, { broker })]));
    return Object.entries(wanted).every(([name, value]) => last[name] === value);
  });
}

// The other brokers' channels while this goes on: each message is taken and delivered, with no gap.
async function flowing(clients, channel, values) {
  const [publisher, subscriber] = clients;
  for (const value of values) {
    await publisher.publish(channel, value);
    await subscriber.waitMessage(channel, (data) => data === value);
  }
  assert.equal(gaps(subscriber, channel), 0);
}

test('each channel goes to its broker, and nothing crosses over', async (t) => {
  const redis = await startRedis(t);
  const hub = await startOn(t, { chat: onRedis(redis), ticks: { plugin: 'memory' } });
  const [anna, bert] = await connectMany(t, hub, 2);
  for (const channel of ['chat:1', 'ticks:1', 'elsewhere']) await bert.subscribe(channel);
  assert.deepEqual(await channelsOf(redis), ['chat:1', 'elsewhere']);
  await redis.command('PUBLISH', 'ticks:1', '"from Redis"'); // somebody may; it is no channel of that broker
  await redis.command('PUBLISH', 'chat:1', '"from Redis"');
  for (const channel of ['chat:1', 'ticks:1', 'elsewhere']) await anna.publish(channel, channel);
  for (const channel of ['chat:1', 'ticks:1', 'elsewhere']) await bert.waitMessage(channel, (data) => data === channel);
  assert.deepEqual(heard(bert, 'ticks:1'), ['ticks:1']);
  assert.deepEqual(heard(bert, 'chat:1'), ['from Redis', 'chat:1']);
  assert.deepEqual(heard(bert, 'elsewhere'), ['elsewhere']);
});

test('metrics are by broker: up, ready, probe, operations', async (t) => {
  const redis = await startRedis(t);
  const hub = await startOn(t, { chat: onRedis(redis), ticks: { plugin: 'memory' } });
  const client = await connect(t, hub);
  for (let n = 0; n < 3; n++) await client.subscribe(`ticks:${n}`);
  await client.subscribe('chat:1');
  const metrics = await hub.metrics();
  for (const broker of ['chat', 'ticks']) {
    assert.equal(metrics.sum('wshub_broker_up', { broker }), 1);
    assert.equal(metrics.sum('wshub_broker_ready', { broker }), 1);
    assert.ok(metrics.sum('wshub_broker_probe_age_seconds', { broker }) < 3);
    assert.equal(metrics.sum('wshub_broker_link_losses_total', { broker }), 0);
  }
  const subscribes = (broker) => metrics.sum('wshub_broker_operations_total', { broker, operation: 'subscribe', result: 'ok' });
  assert.equal(subscribes('ticks'), 3 + 1); // and the probe's
  assert.equal(subscribes('chat'), 1 + 1 + 1); // and the instance's own channel: it has the registry
});

test('a broker that is not there at the start is named, and the other serves', async (t) => {
  const redis = await startRedis(t);
  await redis.kill9();
  const hub = await startOn(t, { chat: onRedis(redis), ticks: { plugin: 'memory' } }, {}, { ready: false });
  await hub.event('broker down', { where: { broker: 'chat' } });
  await untilBroker(hub, 'ticks', { up: 1, ready: 1 });
  const answer = await hub.get('/readyz');
  assert.equal(answer.status, 503);
  assert.deepEqual(answer.json, { status: 'starting', brokers: ['chat'] });
  const clients = await connectMany(t, hub, 2);
  await clients[1].subscribe('ticks:1');
  await flowing(clients, 'ticks:1', [1, 2]);
  await clients[0].fails('broker_unavailable', 'subscribe', { channel: 'chat:1' });
  await redis.restart();
  await untilReady(hub);
  await clients[0].subscribe('chat:1');
});

test('two brokers of one kind are two: each is killed in turn, and only its channels suffer', async (t) => {
  const servers = { chat: await startRedis(t), ticks: await startRedis(t) };
  const hub = await startOn(t, { chat: onRedis(servers.chat), ticks: onRedis(servers.ticks) });
  await killedInTurn(t, hub, servers);
});

test('chat on NATS, ticks on Redis: each is killed in turn, and only its channels suffer', async (t) => {
  const servers = { chat: await startNats(t, { jetstream: true }), ticks: await startRedis(t) };
  const hub = await startOn(t, { chat: onNats(servers.chat), ticks: onRedis(servers.ticks) });
  await killedInTurn(t, hub, servers);
});

test('chat on NATS, ticks on Redis: two instances are one hub on both, and nothing crosses over', async (t) => {
  const [nats, redis] = [await startNats(t, { jetstream: true }), await startRedis(t)];
  const brokers = { chat: onNats(nats), ticks: onRedis(redis) };
  const hubs = [await startOn(t, brokers), await startOn(t, brokers)];
  const [anna, bert] = [await connect(t, hubs[0]), await connect(t, hubs[1])];
  const channels = ['chat:1', 'ticks:1', 'elsewhere'];
  for (const channel of channels) await bert.subscribe(channel);
  assert.deepEqual(await channelsOf(redis), ['ticks:1']);
  assert.equal((await nats.subjects()).length, 2);
  await redis.command('PUBLISH', 'chat:1', '"from Redis"'); // no channel of that broker
  for (let n = 0; n < 50; n++) for (const channel of channels) await anna.publish(channel, n);
  for (const channel of channels) {
    await bert.waitMessage(channel, (data) => data === 49);
    assert.deepEqual(heard(bert, channel), [...Array(50).keys()]);
  }
});

test('a NATS without JetStream claims the registry and cannot keep it: said once, and nothing else suffers', async (t) => {
  const [nats, redis] = [await startNats(t), await startRedis(t)];
  const hub = await startOn(t, { chat: onNats(nats), ticks: onRedis(redis) });
  const unable = await hub.event('this broker cannot keep a registry after all: nobody can look up who is connected where; set ' +
    'its server up for it, or say registry: {enabled: off}', { where: { broker: 'chat', level: 'warn' } });
  assert.equal(unable.retry_ms, String(6 * 300));
  const clients = await connectMany(t, hub, 20);
  for (const channel of ['chat:1', 'ticks:1']) await clients[1].subscribe(channel);
  const beats = async () => (await hub.metrics()).sum('wshub_broker_operations_total', { broker: 'chat', operation: 'heartbeat', result: 'error' });
  await until(10000, 'it is tried again now and then', async () => (await beats()) >= 3);
  const metrics = await hub.metrics();
  const sets = metrics.sum('wshub_broker_operations_total', { broker: 'chat', operation: 'registry_set' });
  assert.equal(sets, 0);
  assert.equal(metrics.sum('wshub_registry_kept'), 0);
  assert.equal(metrics.sum('wshub_ready'), 1);
  assert.deepEqual(await redis.command('KEYS', 'ws:*'), []); // it does not wander
  assert.ok(hub.log.items.filter((r) => /registry/.test(r.event)).length <= 2, hub.text); // the plugin's own may be there
  await flowing(clients, 'chat:1', [1, 2]);
  await flowing(clients, 'ticks:1', [1, 2]);
});

// Kills each server, and restarts it empty.
async function killedInTurn(t, hub, servers) {
  const clients = await connectMany(t, hub, 2);
  const names = Object.keys(servers);
  for (const name of names) await clients[1].subscribe(`${name}:1`);
  for (const [turn, name] of names.entries()) {
    const other = names.find((n) => n !== name);
    await servers[name].kill9();
    await untilNotReady(hub);
    const answer = await hub.get('/readyz');
    assert.equal(answer.json.status, 'broker');
    assert.deepEqual(answer.json.brokers, [name]);
    await untilBroker(hub, name, { up: 0, ready: 0 });
    await untilBroker(hub, other, { up: 1, ready: 1 });
    await hub.event('not ready', { where: { broker: name } });
    await clients[0].fails('broker_unavailable', 'publish', { channel: `${name}:1`, data: 'lost' });
    await clients[0].fails('broker_unavailable', 'subscribe', { channel: `${name}:2` });
    const before = gaps(clients[1], `${other}:1`);
    for (const value of [turn, 'still here']) {
      await clients[0].publish(`${other}:1`, value);
      await clients[1].waitMessage(`${other}:1`, (data) => data === value);
    }
    assert.equal(gaps(clients[1], `${other}:1`), before);
    await servers[name].restart();
    await untilReady(hub, 15000);
    await clients[1].waitFrame((m) => m.op === 'gap' && m.channel === `${name}:1`, { what: `gap of ${name}` });
    await clients[0].publish(`${name}:1`, 'back');
    await clients[1].waitMessage(`${name}:1`, (data) => data === 'back');
  }
  for (const name of names) {
    assert.equal(gaps(clients[1], `${name}:1`), 1);
    assert.ok(!heard(clients[1], `${name}:1`).includes('lost'));
    assert.equal((await hub.metrics()).sum('wshub_broker_link_losses_total', { broker: name }), 1);
  }
}

test('a broker that hangs delays nobody else, and is named', async (t) => {
  const redis = await startRedis(t);
  const hub = await startOn(t, { chat: onRedis(redis), ticks: { plugin: 'memory' } });
  const clients = await connectMany(t, hub, 2);
  await clients[1].subscribe('chat:1');
  await clients[1].subscribe('ticks:1');
  redis.pause();
  const hanging = clients[0].request('publish', { channel: 'chat:1', data: 'into the void' }, { deadline: 15000 });
  await flowing(clients, 'ticks:1', [...Array(200).keys()]);
  await untilNotReady(hub, 2 * PERIOD + 2000);
  assert.deepEqual((await hub.get('/readyz')).json.brokers, ['chat']);
  redis.resume();
  await hanging; // taken after all, or not: either way it is answered
  await untilReady(hub, 15000);
  assert.equal(gaps(clients[1], 'ticks:1'), 0);
});

test('the registry is kept by the first broker that can, whichever is the default', async (t) => {
  const [first, second] = [await startRedis(t), await startRedis(t)];
  const hub = await startOn(t, { here: { plugin: 'memory' }, chat: onRedis(first), ticks: onRedis(second) });
  const client = await connect(t, hub);
  const key = `ws:conn:${client.welcome.connection}`;
  await until(5000, 'the connection is registered', async () => (await first.command('EXISTS', key)) === 1);
  assert.deepEqual(await second.command('KEYS', 'ws:*'), []);
  assert.equal((await hub.metrics()).sum('wshub_registry_kept'), 1);
  await first.kill9(); // it does not wander to the other
  await untilNotReady(hub);
  const later = await connect(t, hub);
  await later.barrier();
  assert.deepEqual(await second.command('KEYS', 'ws:*'), []);
  await first.restart();
  await until(10000, 'all are registered again', async () => (await first.command('KEYS', 'ws:conn:*')).length === 2);
  assert.deepEqual(await second.command('KEYS', 'ws:*'), []);
});

test('a drain with one of them down loses nothing of the other', async (t) => {
  const redis = await startRedis(t);
  const hub = await startOn(t, { chat: onRedis(redis), ticks: { plugin: 'memory' } });
  const clients = await connectMany(t, hub, 2);
  await clients[1].subscribe('chat:1');
  await clients[1].subscribe('ticks:1');
  await redis.kill9();
  await untilNotReady(hub);
  await clients[0].publish('ticks:1', 'last words');
  const end = await hub.stop();
  assert.equal(end.code, 0);
  assert.deepEqual(heard(clients[1], 'ticks:1'), ['last words']);
});

test('every one is asked before the hub starts: one that cannot be used is the end', async (t) => {
  await assert.rejects(startOn(t, { chat: { plugin: 'memory' }, ticks: { plugin: 'redis', options: { url: 'http://nowhere' } } }),
    /brokers\[1\]\.options\.url/);
  assert.equal(await readiness(await startOn(t, { chat: { plugin: 'memory' }, ticks: { plugin: 'memory' } })), 200);
});
