// SPDX-License-Identifier: MIT
// Hubs on a real Redis, and what must be true of the two together.
import assert from 'node:assert/strict';
import { atEnd } from './cleanup.js';
import { start } from './hub.js';
import { until } from './wait.js';

// A registry that a test can watch expire.
export const QUICK_REGISTRY = { connection_ttl: '2s', instance_ttl: '1s', heartbeat: '300ms' };

// A hub on a Redis, or on a proxy before it: { url }. `options` are the plugin's, the rest of `config` is the hub's.
export async function startHub(t, broker, { options = {}, ...config } = {}, { ready } = {}) {
  const hub = await start({
    unsubscribe_linger: '0s',
    brokers: [{ name: 'main', plugin: 'redis', options: { url: broker.url, ...options } }],
    ...config,
  }, { ready });
  atEnd(t, () => hub.stop());
  hub.id = config.instance_id ?? await instanceOf(hub);
  hub.prefix = options.prefix ?? '';
  return hub;
}

async function instanceOf(hub) {
  const { samples } = await hub.metrics();
  return samples.find((s) => s.name === 'wshub_build_info').labels.instance;
}

// ---- readiness ----

export const readiness = async (hub) => (await hub.get('/readyz')).status;

export function untilReady(hub, deadline = 5000) {
  return until(deadline, () => `readyz 200; the log:\n${hub.text.slice(-3000)}`, async () => (await readiness(hub)) === 200);
}

export function untilNotReady(hub, deadline = 5000) {
  return until(deadline, () => `readyz 503; the log:\n${hub.text.slice(-3000)}`, async () => (await readiness(hub)) === 503);
}

// ---- what the log said ----

export const said = (hub, event, from = 0) => hub.log.items.slice(from).filter((r) => r.event === event);

export function assertSaid(hub, event, count, from = 0) {
  assert.equal(said(hub, event, from).length, count, `times that the log says "${event}":\n${hub.text.slice(-4000)}`);
}

// Warnings and errors since `from`; a hub that tells every retry goes over any bound.
export function assertFewComplaints(hub, most, from = 0) {
  const complaints = hub.log.items.slice(from).filter((r) => r.level === 'warn' || r.level === 'error');
  assert.ok(complaints.length <= most, `${complaints.length} warnings and errors, ${most} are plenty:\n${complaints.map((r) => r.line).join('\n')}`);
}

// ---- subscriptions, seen from Redis ----

export const probeOf = (hub) => `${hub.prefix}$wshub:probe:${hub.id}`;

// Channels with a subscription, those of probes, instances, users and sentinels aside.
export async function channelsOf(redis) {
  return (await redis.command('PUBSUB', 'CHANNELS')).filter((name) => !/\$wshub:(probe|instance|user):|^__sentinel__:/.test(name)).sort();
}

// Until each channel has as many subscriptions as said, and nothing else has any.
export async function untilSubscribed(redis, wanted, deadline = 5000) {
  const names = Object.keys(wanted);
  const there = names.filter((name) => wanted[name] > 0).sort().join('\n');
  let last;
  await until(deadline, () => `subscriptions ${JSON.stringify(wanted).slice(0, 500)}; last seen ${JSON.stringify(last).slice(0, 500)}`, async () => {
    last = { channels: await channelsOf(redis), counts: names.length ? await redis.subscriptions(...names) : {} };
    return last.channels.join('\n') === there && names.every((name) => last.counts[name] === wanted[name]);
  });
}

// ---- the registry, seen from Redis ----

export const instanceKey = (hub) => `${hub.prefix}ws:instance:${hub.id}`;
export const connectionKey = (hub, client) => `${hub.prefix}ws:conn:${client.welcome.connection}`;
export const keysOf = (hub, clients) => [instanceKey(hub), ...clients.map((c) => connectionKey(hub, c))];

// The entries themselves, without the indexes that lead to them and without what belongs to histories.
export const entriesAmong = (keys) => keys.filter((key) => /ws:(conn|instance):/.test(key) && !/ws:index:/.test(key)).sort();

// Until the keys of the registry are just these.
export async function untilRegistered(redis, keys, deadline = 5000) {
  const wanted = [...keys].sort().join('\n');
  let last = [];
  await until(deadline, () => `keys of the registry:\n${wanted.slice(0, 2000)}\nlast seen:\n${last.join('\n').slice(0, 2000)}`, async () => {
    last = entriesAmong(await redis.command('KEYS', '*ws:*'));
    return last.join('\n') === wanted;
  });
}

// Looks at every key of the registry again and again, until check() is called: none may ever be without a TTL.
export function watchTtl(t, redis) {
  const seen = { rounds: 0, eternal: new Set(), failure: null };
  let going = true;
  const watching = (async () => {
    while (going) {
      try {
        for (const [key, { ttl }] of await redis.entries('*ws:*')) if (ttl === -1) seen.eternal.add(key);
        seen.rounds++;
      } catch (error) { seen.failure = error; return; }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const stop = () => { going = false; return watching; };
  atEnd(t, stop);
  return async () => {
    await stop();
    assert.equal(seen.failure, null);
    assert.ok(seen.rounds > 10, `looked only ${seen.rounds} times`);
    assert.deepEqual([...seen.eternal], [], 'keys without a TTL');
  };
}
