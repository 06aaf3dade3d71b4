// SPDX-License-Identifier: MIT
// P6 as clients see it: positions, recovery, pages of a history, keys. On the memory broker and on Redis, which must
// look the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { startRedis } from './support/redis.js';
import { startHub } from './support/redis_hub.js';
import { SCALE, until } from './support/wait.js';

const CHANNELS = [
  { match: 'short:*', history: { size: 5, ttl: '1h' } },
  { match: 'room:*', history: { size: 10000, ttl: '1h' } },
  { match: '*' },
];

const BROKERS = {
  memory: (t, config) => start({ channels: CHANNELS, workers: 2, ...config }, { t }),
  redis: async (t, config) => startHub(t, await startRedis(t), { channels: CHANNELS, workers: 2, ...config }),
};

function onBoth(name, fn) {
  for (const broker of Object.keys(BROKERS))
    test(`${broker}: ${name}`, (t) => fn(t, (config = {}) => BROKERS[broker](t, config), broker));
}

const offsets = (client, channel) => client.messages(channel).map((m) => m.offset);
const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

async function publish(client, channel, count, data = (i) => i) {
  const answers = [];
  for (let i = 1; i <= count; i++) answers.push(client.publish(channel, data(i)));
  return (await Promise.all(answers)).map((a) => a.position);
}

// ---- positions ----

onBoth('an answer says where the channel stands, a message where it is', async (t, hubOf) => {
  const hub = await hubOf();
  const [anna, bert] = await connectMany(t, hub, 2);
  const before = (await bert.subscribe('room:1')).position;
  assert.match(before.epoch, /^[!-~]{1,64}$/);
  assert.equal(before.offset, 0);
  const [first, second] = await publish(anna, 'room:1', 2);
  assert.equal(first.epoch, before.epoch);
  assert.deepEqual(await bert.waitMessage('room:1', (data) => data === 2),
    { op: 'message', channel: 'room:1', data: 2, offset: second.offset, from: { connection: anna.welcome.connection } });
  assert.deepEqual(offsets(bert, 'room:1'), [first.offset, second.offset]);
  assert.deepEqual((await anna.subscribe('room:1')).position, second);
  assert.equal((await anna.subscribe('other')).position, undefined);
  assert.equal((await anna.publish('other', 1)).position, undefined);
});

// ---- recovery ----

onBoth('P6: who comes back gets what it has missed, then what is live', async (t, hubOf) => {
  const hub = await hubOf();
  const [anna, ...others] = await connectMany(t, hub, 9);
  const positions = await publish(anna, 'room:1', 50);
  await Promise.all(others.map(async (client, i) => {
    const since = positions[i * 5];
    const answer = await client.ok('subscribe', { channel: 'room:1', since });
    assert.equal(answer.recovered, true);
    assert.deepEqual(answer.position, positions[49]);
  }));
  await publish(anna, 'room:1', 1, () => 'live');
  await Promise.all(others.map(async (client, i) => {
    await client.waitMessage('room:1', (data) => data === 'live');
    assert.deepEqual(client.messages('room:1').map((m) => m.data), [...range(i * 5 + 2, 50), 'live']);
    assert.ok(client.messages('room:1').every((m) => m.last === undefined));
  }));
});

onBoth('P6: while messages flow, nothing is missed and nothing comes twice', async (t, hubOf) => {
  const hub = await hubOf();
  const publisher = await connect(t, hub);
  const [since] = await publish(publisher, 'room:1', 1, () => 0);
  let n = 0;
  let going = true;
  const publishing = (async () => { while (going) await publisher.publish('room:1', ++n); })();
  for (let round = 0; round < 4; round++) {
    const clients = await connectMany(t, hub, 10);
    const answers = await Promise.all(clients.map((c) => c.ok('subscribe', { channel: 'room:1', since })));
    assert.ok(answers.every((a) => a.recovered));
    const reached = n + 5;
    await Promise.all(clients.map((c) => c.waitMessage('room:1', (data) => data === reached)));
    for (const client of clients) {
      const got = client.messages('room:1').map((m) => m.data);
      assert.deepEqual(got, range(1, got.length));
      client.ws.terminate();
    }
  }
  going = false;
  await publishing;
});

onBoth('P6: what is not there any more is said, and live goes on', async (t, hubOf, broker) => {
  const hub = await hubOf();
  const [anna, ...clients] = await connectMany(t, hub, 5);
  const [first, ...later] = await publish(anna, 'short:1', 12);
  const now = later[10];
  const lost = [first, { ...now, epoch: 'another' }, { ...now, offset: now.offset + 1000 }, { ...now, offset: 0 }];
  for (const [i, since] of lost.entries()) {
    const answer = await clients[i].ok('subscribe', { channel: 'short:1', since });
    assert.equal(answer.recovered, false, `${broker}: ${JSON.stringify(since)}`);
    assert.deepEqual(answer.position, now);
  }
  await anna.publish('short:1', 'live');
  for (const client of clients) {
    await client.waitMessage('short:1', (data) => data === 'live');
    assert.deepEqual(client.messages('short:1').map((m) => m.data), ['live']);
  }
});

onBoth('a since that is none, or has no history, is refused', async (t, hubOf) => {
  const hub = await hubOf();
  const client = await connect(t, hub);
  await client.fails('unsupported', 'subscribe', { channel: 'other', since: { epoch: 'e', offset: 1 } });
  for (const since of [1, 'e', [], {}, { epoch: 'e' }, { offset: 1 }, { epoch: '', offset: 1 }, { epoch: 'a b', offset: 1 },
    { epoch: 'é', offset: 1 }, { epoch: 'e'.repeat(65), offset: 1 }, { epoch: 'e', offset: -1 }, { epoch: 'e', offset: 1.5 },
    { epoch: 'e', offset: '1' }, { epoch: 1, offset: 1 }, { epoch: null, offset: null }])
    await client.fails('bad_request', 'subscribe', { channel: 'room:1', since });
  assert.equal((await client.ok('subscribe', { channel: 'room:1', since: { epoch: 'e'.repeat(64), offset: 0 } })).recovered, false);
});

onBoth('exclude holds for what was missed', async (t, hubOf) => {
  const hub = await hubOf();
  const [anna, bert] = await connectMany(t, hub, 2);
  const [since] = await publish(anna, 'room:1', 1);
  await anna.ok('publish', { channel: 'room:1', data: 'not for bert', exclude: [bert.welcome.connection] });
  await anna.publish('room:1', 'for all');
  assert.equal((await bert.ok('subscribe', { channel: 'room:1', since })).recovered, true);
  await bert.waitMessage('room:1', (data) => data === 'for all');
  assert.equal(bert.messages('room:1').length, 1);
  const page = await bert.ok('history', { channel: 'room:1' });
  assert.deepEqual(page.messages.map((m) => m.data), [1, 'for all']);
});

// ---- pacing ----

onBoth('a slow reader gets a long history over several parts, while live goes on', async (t, hubOf) => {
  const COUNT = 400;
  const hub = await hubOf({ limits: { outbox: '64KiB' } });
  const [anna, bert] = await connectMany(t, hub, 2);
  const [since] = await publish(anna, 'room:1', 1, () => ({ i: 0 }));
  await publish(anna, 'room:1', COUNT, (i) => ({ i, filler: 'x'.repeat(10000) })); // far more than kernel and outbox hold
  bert.ws._socket.pause();
  bert.sendText(JSON.stringify({ op: 'subscribe', id: 's', channel: 'room:1', since }));
  let more = COUNT;
  const going = (async () => { // does not stop before it has caught up
    for (let i = 0; i < 60; i++) await anna.publish('room:1', { i: ++more });
  })();
  bert.ws._socket.resume();
  await going;
  await bert.waitMessage('room:1', (data) => data.i === more, { deadline: 20000 * SCALE });
  assert.deepEqual(bert.messages('room:1').map((m) => m.data.i), range(1, more));
  const answers = bert.frames.items.filter((f) => f.json.id === 's');
  assert.deepEqual(answers.map((f) => f.json.recovered), [true]);
  assert.equal(bert.ws.readyState, 1);
});

onBoth('P6: 300 clients with small outboxes come back at once', async (t, hubOf, broker) => {
  const CLIENTS = 300, COUNT = 60;
  const hub = await hubOf({ limits: { outbox: '16KiB', message: '8KiB' } });
  const anna = await connect(t, hub);
  const [since] = await publish(anna, 'room:1', 1, () => 0);
  await publish(anna, 'room:1', COUNT, (i) => `${i} ${'x'.repeat(1000)}`);
  const clients = await connectMany(t, hub, CLIENTS);
  const answers = await Promise.all(clients.map((c) => c.ok('subscribe', { channel: 'room:1', since }, { deadline: 20000 * SCALE })));
  assert.ok(answers.every((a) => a.recovered === true));
  await publish(anna, 'room:1', 1, () => 'end');
  for (const client of clients) {
    await client.waitMessage('room:1', (data) => data === 'end', { deadline: 20000 * SCALE });
    assert.deepEqual(client.messages('room:1').map((m) => parseInt(m.data, 10) || m.data), [...range(1, COUNT), 'end']);
  }
  const metrics = await hub.metrics();
  const reads = metrics.sum('wshub_history_reads_total') ?? 0;
  assert.ok(reads < 100, `${broker}: ${reads} reads for ${CLIENTS} clients`);
});

onBoth('who leaves in the midst of it leaves nothing behind', async (t, hubOf) => {
  const hub = await hubOf({ limits: { outbox: '64KiB' }, unsubscribe_linger: '0s' });
  const anna = await connect(t, hub);
  const [since] = await publish(anna, 'room:1', 1, () => 0);
  await publish(anna, 'room:1', 200, () => 'x'.repeat(10000));
  for (let round = 0; round < 3; round++) {
    const clients = await connectMany(t, hub, 6);
    clients.forEach((c) => c.ws._socket.pause());
    clients.forEach((c, i) => {
      c.sendText(JSON.stringify({ op: 'subscribe', id: 's', channel: 'room:1', since }));
      if (i % 3 === 0) c.sendText(JSON.stringify({ op: 'unsubscribe', id: 'u', channel: 'room:1' }));
      if (i % 3 === 1) c.ws.terminate();
    });
    for (const client of clients.filter((_, i) => i % 3 === 0)) {
      client.ws._socket.resume();
      await client.waitFrame((m) => m.id === 'u');
      const ends = client.frames.items.findIndex((f) => f.json.id === 'u');
      assert.equal(client.frames.items.findIndex((f) => f.json.id === 's') < ends, true);
      await client.barrier();
      assert.equal(client.frames.items.slice(ends).some((f) => f.json.op === 'message'), false);
    }
    clients.forEach((c) => c.ws.terminate());
  }
  await until(10000 * SCALE, 'nothing is left', async () => (await hub.metrics()).sum('wshub_subscriptions') === 0);
});

// ---- the history operation ----

onBoth('a history is read in pages, forwards and backwards', async (t, hubOf) => {
  const hub = await hubOf();
  const anna = await connect(t, hub);
  const positions = await publish(anna, 'room:1', 25, (i) => ({ i }));
  const page = await anna.ok('history', { channel: 'room:1', limit: 10 });
  assert.deepEqual(page.messages[0], { data: { i: 1 }, offset: positions[0].offset, from: { connection: anna.welcome.connection } });
  assert.deepEqual(page.position, positions[24]);
  for (const reverse of [false, true]) {
    const got = [];
    let since;
    for (let pages = 1, more = true; more; pages++) {
      const answer = await anna.ok('history', { channel: 'room:1', limit: 10, reverse, ...(since && { since }) });
      got.push(...answer.messages.map((m) => m.data.i));
      since = { epoch: answer.position.epoch, offset: answer.messages.at(-1).offset };
      more = answer.more === true;
      assert.equal(more, pages < 3);
      if (more) assert.deepEqual(answer.next, since);
    }
    assert.deepEqual(got, reverse ? range(1, 25).reverse() : range(1, 25));
  }
  const none = await anna.ok('history', { channel: 'room:1', limit: 0 });
  assert.deepEqual([none.messages, none.position], [[], positions[24]]);
  const end = await anna.ok('history', { channel: 'room:1', since: positions[24] });
  assert.deepEqual([end.messages, end.more], [[], undefined]);
  const empty = await anna.ok('history', { channel: 'room:empty' });
  assert.deepEqual([empty.messages, empty.more], [[], undefined]);
});

onBoth('a page has no more than half an outbox, and says that there is more', async (t, hubOf) => {
  const hub = await hubOf({ limits: { outbox: '64KiB' } });
  const anna = await connect(t, hub);
  await publish(anna, 'room:1', 30, (i) => ({ i, filler: 'x'.repeat(5000) }));
  const got = [];
  let since;
  for (let more = true; more;) {
    const answer = await anna.ok('history', { channel: 'room:1', limit: 1000, ...(since && { since }) });
    assert.ok(JSON.stringify(answer).length < 40 * 1024);
    got.push(...answer.messages.map((m) => m.data.i));
    since = answer.next;
    more = answer.more === true;
  }
  assert.deepEqual(got, range(1, 30));
});

onBoth('what cannot be read is refused', async (t, hubOf) => {
  const hub = await hubOf();
  const anna = await connect(t, hub);
  const positions = await publish(anna, 'short:1', 12);
  await anna.fails('unsupported', 'history', { channel: 'other' });
  await anna.fails('bad_request', 'history', { channel: '' });
  await anna.fails('denied', 'history', { channel: '$wshub:control' });
  for (const wrong of [{ limit: 1001 }, { limit: -1 }, { limit: 1.5 }, { limit: '5' }, { reverse: 1 }, { since: 7 }, { since: {} }])
    await anna.fails('bad_request', 'history', { channel: 'short:1', ...wrong });
  await anna.fails('not_found', 'history', { channel: 'short:1', since: { epoch: 'another', offset: 3 } });
  await anna.fails('not_found', 'history', { channel: 'short:1', since: positions[0] });
  assert.deepEqual((await anna.ok('history', { channel: 'short:1' })).messages.map((m) => m.data), range(8, 12));
});

// ---- keys ----

onBoth('a key publishes once, and a repetition is answered like the first', async (t, hubOf) => {
  const hub = await hubOf();
  const [anna, bert] = await connectMany(t, hub, 2);
  await bert.subscribe('room:1');
  const first = await anna.ok('publish', { channel: 'room:1', data: 1, key: 'order-1' });
  const again = await bert.ok('publish', { channel: 'room:1', data: 'again', key: 'order-1' });
  assert.deepEqual(again.position, first.position);
  await anna.ok('publish', { channel: 'room:2', data: 'other channel', key: 'order-1' });
  await anna.ok('publish', { channel: 'room:1', data: 2, key: 'order-2' });
  await bert.waitMessage('room:1', (data) => data === 2);
  assert.deepEqual(bert.messages('room:1').map((m) => m.data), [1, 2]);
  await anna.fails('unsupported', 'publish', { channel: 'other', data: 1, key: 'k' });
  for (const key of ['', 'a b', 'é', 'k'.repeat(65), 7, null])
    await anna.fails('bad_request', 'publish', { channel: 'room:1', data: 1, key });
  await anna.ok('publish', { channel: 'room:1', data: 3, key: 'k'.repeat(64) });
});
