// SPDX-License-Identifier: MIT
// The registry in buckets of JetStream: who is there, who has gone, and what a broker that lost its memory gets back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectMany } from './support/client.js';
import { startCluster, startNats } from './support/nats.js';
import { startHub } from './support/nats_hub.js';
import { SCALE, until } from './support/wait.js';

const QUICK = { connection_ttl: '4s', instance_ttl: '2s', heartbeat: '300ms' };

// $KV.BUCKET.ws.user.4f2c./.a is the key ws:user:4f2c/a: see docs/nats.md.
const keyOf = (subject) => subject.split('.').slice(2).join(':').replaceAll(':/:', '/')
  .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));

// key -> value of what is there, of all buckets with this prefix.
async function entries(client, prefix = 'wshub') {
  const { streams } = await client.api('STREAM.NAMES');
  const found = new Map();
  for (const name of (streams ?? []).filter((s) => s.startsWith(`KV_${prefix}_registry_`))) {
    const info = await client.api(`STREAM.INFO.${name}`, { subjects_filter: '>' });
    for (const subject of Object.keys(info.state.subjects ?? {})) {
      const { message } = await client.api(`STREAM.MSG.GET.${name}`, { last_by_subj: subject });
      if (message && !message.hdrs) found.set(keyOf(subject), Buffer.from(message.data, 'base64').toString());
    }
  }
  return found;
}

function untilEntries(client, wanted, deadline = 10000) {
  let last = new Map();
  return until(deadline, () => `keys ${wanted.join(' ')}; last seen ${[...last.keys()].join(' ')}`, async () => {
    last = await entries(client).catch(() => new Map()); // no leader just now
    return [...last.keys()].sort().join('\n') === [...wanted].sort().join('\n') && last;
  });
}

const keysOf = (hub, clients) => [`ws:instance:${hub.id}`, ...clients.map((c) => `ws:conn:${c.welcome.connection}`)];

test('P7: instance and connections are in their buckets, and gone after a graceful stop', async (t) => {
  const nats = await startNats(t, { jetstream: true });
  const looker = await nats.connect();
  const hub = await startHub(t, nats, { registry: QUICK });
  const clients = await connectMany(t, hub, 5);
  const found = await untilEntries(looker, keysOf(hub, clients));
  assert.equal(JSON.parse(found.get(`ws:conn:${clients[0].welcome.connection}`)).instance, hub.id);
  await clients[0].close();
  await untilEntries(looker, keysOf(hub, clients.slice(1)));
  const { config } = await looker.api('STREAM.INFO.KV_wshub_registry_4000');
  assert.deepEqual([config.storage, config.max_age, config.num_replicas], ['memory', 4e9, 1]);
  await hub.stop();
  assert.deepEqual([...(await entries(looker)).keys()], []);
});

test('P7: a crash leaves nothing behind for longer than the TTL', async (t) => {
  const nats = await startNats(t, { jetstream: true });
  const looker = await nats.connect();
  const hub = await startHub(t, nats, { registry: QUICK });
  const clients = await connectMany(t, hub, 3);
  await untilEntries(looker, keysOf(hub, clients));
  await hub.kill9();
  await untilEntries(looker, []);
});

test('P7: a server that has lost its memory gets the registry back', async (t) => {
  const nats = await startNats(t, { jetstream: true });
  const hub = await startHub(t, nats, { registry: QUICK });
  const clients = await connectMany(t, hub, 3);
  await nats.restart();
  const looker = await nats.connect();
  await untilEntries(looker, keysOf(hub, clients));
  const { streams } = await looker.api('STREAM.NAMES');
  for (const name of streams) await looker.api(`STREAM.DELETE.${name}`); // the link stays up
  await untilEntries(looker, keysOf(hub, clients));
});

test('a server without JetStream carries messages, and the log says once what is missing', async (t) => {
  const nats = await startNats(t);
  const hub = await startHub(t, nats, { registry: QUICK });
  const [a, b] = await connectMany(t, hub, 2);
  await b.subscribe('room');
  await a.publish('room', 1);
  await b.waitMessage('room');
  await hub.log.next((r) => /^this broker cannot keep a registry after all/.test(r.event), { what: 'word of the registry' });
  await a.close();
  const began = performance.now();
  await hub.stop();
  assert.ok(performance.now() - began < 4000 * SCALE, 'the drain does not wait for a registry that is not there');
  assert.equal(hub.log.items.filter((r) => /need JetStream/.test(r.event)).length, 1, hub.text);
});

test('three servers, three replicas: the registry and its writes survive the death of one', async (t) => {
  const servers = await startCluster(t, 3, { jetstream: true });
  const url = servers.map((s) => s.url).join(',');
  const ready = await servers[0].connect();
  await until(20000, 'JetStream of the cluster', async () => (await ready.api('STREAM.NAMES').catch(() => ({}))).total === 0);
  const hub = await startHub(t, { url }, { registry: { ...QUICK, connection_ttl: '60s' }, options: { replicas: 3 } });
  const clients = await connectMany(t, hub, 3);
  await untilEntries(ready, keysOf(hub, clients), 20000);
  const { config, cluster } = await ready.api('STREAM.INFO.KV_wshub_registry_60000');
  assert.equal(config.num_replicas, 3);
  const dead = servers.find((s) => s.name === cluster.leader);
  await dead.kill9();
  const looker = await servers.find((s) => s !== dead).connect();
  const more = await connectMany(t, hub, 2);
  await untilEntries(looker, keysOf(hub, [...clients, ...more]), 30000);
});
