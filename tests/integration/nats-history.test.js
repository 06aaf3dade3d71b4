// SPDX-License-Identifier: MIT
// Histories in JetStream, as clients of two instances meet them: recovery amid traffic, a server that is killed with its
// memory or without, and one whose disk has not kept what it had acknowledged.
import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { atEnd } from './support/cleanup.js';
import { connect } from './support/client.js';
import { start } from './support/hub.js';
import { assertWhole, gaps, merged, offsets, publish, publishing, RECOVERY, ROOM, untilAcknowledged } from './support/lossless.js';
import { startCluster, startNats } from './support/nats.js';
import { untilNotReady, untilReady } from './support/redis_hub.js';
import { until } from './support/wait.js';

const SPARSE = { dense: false }; // other channels are in the same stream

async function setUp(t, jetstream) {
  const nats = await startNats(t, { jetstream: true });
  const config = {
    unsubscribe_linger: '0s',
    registry: { enabled: 'off' },
    brokers: [{ name: 'main', plugin: 'nats', options: { url: nats.url, jetstream } }],
    channels: [{ match: '*:*', history: { size: 10000, ttl: '1h' } }],
    recovery: { check: '1s' },
  };
  const hubs = [await start(config), await start(config)];
  atEnd(t, () => Promise.all(hubs.map((hub) => hub.stop())));
  await Promise.all(hubs.map((hub) => untilReady(hub)));
  return { nats, hubs };
}

const connectAll = (t, ...hubs) => Promise.all(hubs.map((hub) => connect(t, hub)));

test('a message has one position, live, told and in the history', async (t) => {
  const { hubs } = await setUp(t, 'memory');
  const [anna, bert] = await connectAll(t, ...hubs);
  const { position: begin } = await bert.subscribe(ROOM);
  const told = [];
  for (let i = 1; i <= 5; i++) {
    await anna.publish(`noise:${i}`, i);
    told.push((await publish(anna, `m-${i}`)).offset);
  }
  assert.deepEqual(await publish(anna, 'm-3'), { epoch: begin.epoch, offset: told[2] }, 'a key counts once');
  await bert.waitMessage(ROOM, (data) => data === 'm-5');
  assert.deepEqual(offsets(bert), told);
  const read = async (fields) => (await bert.ok('history', { channel: ROOM, ...fields })).messages.map((m) => [m.offset, m.data]);
  const all = told.map((offset, i) => [offset, `m-${i + 1}`]);
  assert.deepEqual(await read({}), all);
  assert.deepEqual(await read({ limit: 2, since: { epoch: begin.epoch, offset: told[1] } }), all.slice(2, 4));
  assert.deepEqual(await read({ limit: 2, reverse: true }), all.slice(3).reverse());
  assert.deepEqual(await read({ limit: 9, reverse: true, since: { epoch: begin.epoch, offset: told[3] } }), all.slice(0, 3).reverse());
});

test('who comes back at another instance, amid traffic, has missed nothing', async (t) => {
  const { hubs } = await setUp(t, 'memory');
  const [anna, carl, dora] = await connectAll(t, hubs[0], hubs[1], hubs[1]);
  const publishers = [publishing(anna, 'a'), publishing(carl, 'c')];
  let noise = 0, quiet = false;
  const noisy = (async () => { while (!quiet) await dora.publish(`noise:${++noise % 7}`, noise); })();
  let since;
  for (let round = 0; round < 4; round++) {
    const bert = await connect(t, hubs[round % 2]);
    const answer = await bert.ok('subscribe', { channel: ROOM, ...(round ? { since } : {}) });
    if (round) assert.equal(answer.recovered, true);
    const from = (since ?? answer.position).offset;
    const wanted = publishers[0].acknowledged.size + 25;
    await untilAcknowledged(publishers[0], wanted);
    await assertWhole(bert, from, merged(...publishers.map((p) => p.acknowledged)), SPARSE);
    assert.deepEqual(gaps(bert), []);
    since = { epoch: answer.position.epoch, offset: offsets(bert).at(-1) };
    bert.ws.terminate();
    await untilAcknowledged(publishers[0], wanted + 25); // that it misses
  }
  quiet = true;
  await Promise.all([noisy, ...publishers.map((p) => p.stop())]);
});

test('a server with files is killed, twice, and nobody misses what was acknowledged', async (t) => {
  const { nats, hubs } = await setUp(t, 'file');
  const [anna, carl, bert, dora] = await connectAll(t, ...hubs, ...hubs);
  const { position } = await bert.subscribe(ROOM);
  await dora.subscribe(ROOM);
  const publishers = [publishing(anna, 'a'), publishing(carl, 'c')];
  for (let round = 0; round < 2; round++) {
    await untilAcknowledged(publishers[0], publishers[0].acknowledged.size + 20);
    await nats.kill9();
    await Promise.all(hubs.map((hub) => untilNotReady(hub, RECOVERY)));
    await nats.start();
  }
  await untilAcknowledged(publishers[0], publishers[0].acknowledged.size + 20);
  const acknowledged = merged(...await Promise.all(publishers.map((p) => p.stop())));
  for (const client of [bert, dora]) {
    await assertWhole(client, position.offset, acknowledged, SPARSE);
    assert.deepEqual(gaps(client), []);
  }
});

// What is lost is told to who is there, and to who comes back with a position of before: at once, or, from an instance that
// has not heard of it yet, soon.
async function assertAnotherEpoch(t, hubs, client, old) {
  const { epoch } = await publish(client, 'after');
  assert.notEqual(epoch, old.epoch);
  return until(RECOVERY, 'a subscription under the new epoch', async () => {
    const late = await connect(t, hubs[0]);
    const answer = await late.request('subscribe', { channel: ROOM, since: old });
    assert.ok(answer.op === 'ok' || answer.retry, JSON.stringify(answer)); // its server may be coming back
    if (answer.recovered) {
      assert.equal(answer.position.epoch, old.epoch);
      await untilTold(late, epoch);
    }
    late.ws.terminate();
    return answer.position?.epoch === epoch && epoch;
  });
}

const untilTold = (client, epoch) => until(RECOVERY, 'a gap with the new position', () => gaps(client).some((g) => g.position?.epoch === epoch));

test('a server that had it in memory is killed: another epoch, which is told', async (t) => {
  const { nats, hubs } = await setUp(t, 'memory');
  const [anna, bert] = await connectAll(t, ...hubs);
  const { position: old } = await bert.subscribe(ROOM);
  await publish(anna, 'before');
  await nats.restart();
  const epoch = await assertAnotherEpoch(t, hubs, anna, old);
  await untilTold(bert, epoch);
  await publish(anna, 'next');
  await bert.waitMessage(ROOM, (data) => data === 'next', { deadline: RECOVERY });
});

// As when a machine goes down before the last messages have reached its disk: the server has an older state of the same
// stream, and would give their offsets to others.
test('a disk that lacks what was acknowledged: another epoch, which is told', async (t) => {
  const { nats, hubs } = await setUp(t, 'file');
  const [anna, bert] = await connectAll(t, ...hubs);
  const { position: old } = await bert.subscribe(ROOM);
  await publish(anna, 'kept');
  const [store, saved] = ['store', 'saved'].map((name) => join(nats.directory, name));
  nats.pause();
  cpSync(store, saved, { recursive: true });
  nats.resume();
  const lost = [];
  for (let i = 0; i < 5; i++) lost.push(await publish(anna, `lost-${i}`));
  await bert.waitMessage(ROOM, (data) => data === 'lost-4');
  await nats.kill9();
  await Promise.all(hubs.map((hub) => untilNotReady(hub, RECOVERY)));
  rmSync(store, { recursive: true });
  renameSync(saved, store);
  await nats.start();
  const epoch = await assertAnotherEpoch(t, hubs, anna, lost[2]);
  await untilTold(bert, epoch);
  await publish(anna, 'next');
  await bert.waitMessage(ROOM, (data) => data === 'next', { deadline: RECOVERY });
});

// The cluster makes the stream again that this server had in its memory alone, with the same name and subjects, and counts
// from 1 again.
test('three servers, one replica in memory: what its server has forgotten is another epoch', async (t) => {
  const servers = await startCluster(t, 3, { jetstream: true });
  const ready = await servers[0].connect();
  await until(20000, 'JetStream of the cluster', async () => (await ready.api('STREAM.NAMES').catch(() => ({}))).total === 0);
  const hubs = [];
  for (const server of servers) { // whichever has the stream, a hub is on another
    const hub = await start({
      unsubscribe_linger: '0s',
      registry: { enabled: 'off' },
      brokers: [{ name: 'main', plugin: 'nats', options: { url: server.url, jetstream: 'memory' } }],
      channels: [{ match: '*:*', history: { size: 1000, ttl: '1h' } }],
      recovery: { check: '1s' },
    });
    atEnd(t, () => hub.stop());
    hubs.push(hub);
  }
  const clients = await connectAll(t, ...hubs);
  const { position: old } = await clients[0].subscribe(ROOM);
  for (let i = 0; i < 6; i++) await publish(clients[i % 3], `before-${i}`);
  const { streams: [name] } = await ready.api('STREAM.NAMES');
  const { cluster } = await ready.api(`STREAM.INFO.${name}`);
  const home = servers.findIndex((s) => s.name === cluster.leader);
  await servers[home].restart({}, { keep: true });
  await assertAnotherEpoch(t, hubs, clients[(home + 1) % 3], old);
});
