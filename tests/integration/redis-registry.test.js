// SPDX-License-Identifier: MIT
// P7 registered: what stands in Redis about connections and instances, how long, and how it comes back.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { gather } from './support/crowd.js';
import { run, yaml } from './support/hub.js';
import { startRedis } from './support/redis.js';
import { QUICK_REGISTRY, assertFewComplaints, connectionKey, entriesAmong, instanceKey, keysOf, readiness, startHub, untilRegistered, watchTtl } from './support/redis_hub.js';
import { SCALE, until } from './support/wait.js';

const entry = async (redis, key) => JSON.parse(await redis.command('GET', key));

// A moment of the registry is ISO 8601 or seconds; whichever it is, not far from now.
function assertRecent(moment, what) {
  const ms = typeof moment === 'number' ? moment * 1000 : Date.parse(moment);
  assert.ok(Math.abs(Date.now() - ms) < 60_000 * SCALE, `${what}: ${moment}`);
}

test('P7: a connection has an entry while it lives, and the hub has its own', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { instance_id: 'web-1', registry: { heartbeat: '200ms' } });
  const clients = await connectMany(t, hub, 3);
  await untilRegistered(redis, keysOf(hub, clients));
  for (const client of clients) {
    const value = await entry(redis, connectionKey(hub, client));
    assert.equal(value.instance, 'web-1');
    assert.match(value.address, /^127\.0\.0\.1(:\d+)?$/);
    assertRecent(value.since, 'since');
    assert.ok(!('user' in value), 'anonymous');
    const ttl = await redis.command('PTTL', connectionKey(hub, client));
    assert.ok(ttl > 0 && ttl <= 120_000, `TTL ${ttl}`);
  }
  await clients[0].subscribe('room');
  await clients[1].subscribe('room');
  await until(5000, 'the numbers', async () => {
    const value = await entry(redis, instanceKey(hub));
    return value.connections === 3 && value.channels === 1;
  });
  const own = await entry(redis, instanceKey(hub));
  assertRecent(own.started, 'started');
  assert.match(own.version, /^\d+\.\d+/);
  const ttl = await redis.command('PTTL', instanceKey(hub));
  assert.ok(ttl > 0 && ttl <= 30_000, `TTL ${ttl}`);

  await clients[0].close();
  clients[1].ws.terminate();
  await untilRegistered(redis, keysOf(hub, [clients[2]]));
});

test('P7: entries are renewed over many TTLs, and never without one', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { registry: QUICK_REGISTRY });
  const clients = await connectMany(t, hub, 20);
  const keys = keysOf(hub, clients);
  await untilRegistered(redis, keys);
  const check = watchTtl(t, redis);
  const missing = new Set();
  const since = performance.now();
  while (performance.now() - since < 7000) { // three times the longest TTL
    const found = new Set(await redis.command('KEYS', 'ws:*'));
    for (const key of keys) if (!found.has(key)) missing.add(key);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual([...missing], []);
  await check();
});

test('P7: a Redis that lost its memory is filled again within one heartbeat', async (t) => {
  const redis = await startRedis(t);
  const heartbeat = 1000;
  const hub = await startHub(t, redis, { registry: { heartbeat: `${heartbeat}ms`, instance_ttl: '5s' } });
  const clients = await connectMany(t, hub, 200);
  await untilRegistered(redis, keysOf(hub, clients));
  const from = hub.log.items.length;
  for (let round = 0; round < 3; round++) {
    await redis.command('FLUSHALL');
    await untilRegistered(redis, keysOf(hub, clients), heartbeat + 500);
  }
  assertFewComplaints(hub, 3, from);
  assert.equal(await readiness(hub), 200);
});

test('P7: one key that is gone comes back, and one that is not ours is left alone', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { registry: QUICK_REGISTRY });
  const clients = await connectMany(t, hub, 3);
  const keys = keysOf(hub, clients);
  await untilRegistered(redis, keys);
  await redis.command('SET', 'ws:conn:somebody-else', '{}');
  await redis.command('DEL', connectionKey(hub, clients[1]));
  await untilRegistered(redis, [...keys, 'ws:conn:somebody-else']);
});

test('P7: a key of another type is replaced', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { registry: QUICK_REGISTRY });
  const client = await connect(t, hub);
  const keys = keysOf(hub, [client]);
  await untilRegistered(redis, keys);
  const from = hub.log.items.length;
  for (const key of keys) {
    await redis.atomically(['DEL', key], ['RPUSH', key, 'a list']);
    await until(5000, `${key} is a string again`, async () => (await redis.command('TYPE', key)) === 'string');
  }
  await untilRegistered(redis, keys);
  for (const key of keys) assert.ok(await redis.command('PTTL', key) > 0);
  await client.barrier();
  assert.equal(await readiness(hub), 200);
  assertFewComplaints(hub, 3, from);
});

test('P7: 2,000 connections are registered, and gone when they are', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { limits: { connections: 5000 } });
  const crowd = await gather(t, hub, 2000, 'room');
  const count = async () => (await redis.command('KEYS', 'ws:conn:*')).length;
  await until(10000, '2,000 entries', async () => (await count()) === 2000);
  const entries = (await hub.metrics()).sum('wshub_registry_entries');
  assert.ok(entries === 2000 || entries === 2001, `wshub_registry_entries ${entries}, with or without the instance's own`);
  crowd.leave();
  await until(10000, 'no entry', async () => (await count()) === 0);
  assert.deepEqual(entriesAmong(await redis.command('KEYS', 'ws:*')), [instanceKey(hub)]);
});

test('registry off: nothing is written', async (t) => {
  const redis = await startRedis(t);
  const monitor = await redis.monitor();
  const hub = await startHub(t, redis, { registry: { enabled: 'off', heartbeat: '100ms' } });
  const client = await connect(t, hub);
  await client.subscribe('room');
  await client.publish('room', 1);
  await client.waitMessage('room');
  await client.close();
  await hub.stop();
  assert.deepEqual(await redis.command('KEYS', '*'), []);
  assert.deepEqual(monitor.commands('SET'), []);
});

test('registry on, with a broker that has none: refused, and auto does without', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wshub-registry-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'wshub.yaml');
  const memory = { listen: '127.0.0.1:0', brokers: [{ name: 'main', plugin: 'memory' }] };
  writeFileSync(file, yaml({ ...memory, registry: { enabled: 'on' } }));
  const end = await run(['serve', '-c', file]);
  assert.equal(end.code, 2, end.stderr);
  assert.match(end.stderr + end.stdout, /registry/);
  writeFileSync(file, yaml({ ...memory, registry: { enabled: 'auto' } }));
  assert.equal((await run(['check', '-c', file])).code, 0);
});
