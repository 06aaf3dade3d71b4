// SPDX-License-Identifier: MIT
// History in one broker, live messages over another: `history: {via: past}` keeps the messages of a channel in Redis, while
// MQTT or NATS carries them. What a client gets is whole, in order and once, whichever of the two is killed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from './support/cleanup.js';
import { connect } from './support/client.js';
import { start } from './support/hub.js';
import { assertWhole, gaps, merged, offsets, publish, publishing, RECOVERY, ROOM, untilAcknowledged } from './support/lossless.js';
import { startMosquitto } from './support/mosquitto.js';
import { startNats } from './support/nats.js';
import { startRedis } from './support/redis.js';
import { untilNotReady, untilReady } from './support/redis_hub.js';
import { until } from './support/wait.js';

// Keeps what it has confirmed over a kill -9.
const DURABLE = { config: { appendonly: 'yes', appendfsync: 'always' }, options: { restarts: 'lossless' } };

const LIVE = {
  mqtt: (t) => startMosquitto(t),
  nats: (t) => startNats(t),
};

// Two instances on one live broker and one history.
async function setUp(t, plugin, history = {}) {
  const [live, past] = [await LIVE[plugin](t), await startRedis(t, { config: history.config })];
  const options = plugin === 'mqtt' ? { url: live.url, reconnect_max: '300ms' } : { url: live.url, jetstream: 'off' };
  const config = {
    unsubscribe_linger: '0s',
    registry: { enabled: 'off' },
    brokers: [{ name: 'live', plugin, options }, { name: 'past', plugin: 'redis', options: { url: past.url, reconnect_max: '300ms', ...history.options } }],
    channels: [{ match: 'room:*', broker: 'live', history: { size: 10000, ttl: '1h', via: 'past' } }],
    recovery: { check: '1s' },
  };
  const hubs = [await start(config), await start(config)];
  atEnd(t, () => Promise.all(hubs.map((hub) => hub.stop())));
  await Promise.all(hubs.map((hub) => untilReady(hub)));
  return { live, past, hubs };
}

for (const plugin of Object.keys(LIVE)) {
  test(`${plugin}: a message has one position, over two instances and in the history`, async (t) => {
    const { hubs } = await setUp(t, plugin);
    const [anna, bert] = [await connect(t, hubs[0]), await connect(t, hubs[1])];
    const { position: begin } = await anna.subscribe(ROOM);
    const { position } = await bert.subscribe(ROOM);
    assert.deepEqual(position, begin);
    for (let i = 1; i <= 5; i++) {
      const { position: told } = await (i % 2 ? anna : bert).publish(ROOM, `m-${i}`);
      assert.deepEqual(told, { epoch: begin.epoch, offset: begin.offset + i });
    }
    for (const client of [anna, bert]) {
      await client.waitMessage(ROOM, (data) => data === 'm-5');
      assert.deepEqual(client.messages(ROOM).map((m) => [m.offset - begin.offset, m.data]), [1, 2, 3, 4, 5].map((i) => [i, `m-${i}`]));
      const page = await client.ok('history', { channel: ROOM, limit: 3, reverse: true });
      assert.deepEqual(page.messages.map((m) => m.data), ['m-5', 'm-4', 'm-3']);
      assert.deepEqual(page.position, { epoch: begin.epoch, offset: begin.offset + 5 });
    }
  });

  test(`${plugin}: a key counts once, also when only the history has it`, async (t) => {
    const { live, hubs } = await setUp(t, plugin);
    const [anna, bert] = [await connect(t, hubs[0]), await connect(t, hubs[1])];
    await bert.subscribe(ROOM);
    const first = await publish(anna, 'first');
    await live.kill9();
    const refused = await anna.request('publish', { channel: ROOM, data: 'second', key: 'key-second' }, { deadline: 20000 });
    assert.equal(refused.op, 'error');
    await live.restart();
    const second = await publish(anna, 'second');
    assert.equal(second.epoch, first.epoch);
    assert.deepEqual(await publish(anna, 'first'), first);
    await assertWhole(bert, first.offset - 1, new Map([['first', first.offset], ['second', second.offset]]));
    assert.deepEqual(bert.messages(ROOM).map((m) => m.data), ['first', 'second']);
  });

  test(`${plugin}: who comes back at another instance, amid traffic, has missed nothing`, async (t) => {
    const { hubs } = await setUp(t, plugin);
    const [anna, carl] = [await connect(t, hubs[0]), await connect(t, hubs[1])];
    const publishers = [publishing(anna, 'a'), publishing(carl, 'c')];
    let since = { offset: 0 };
    for (let round = 0; round < 4; round++) {
      const bert = await connect(t, hubs[round % 2]);
      const answer = await bert.ok('subscribe', { channel: ROOM, ...(round ? { since } : {}) });
      if (round) assert.equal(answer.recovered, true);
      const from = round ? since.offset : answer.position.offset;
      const wanted = publishers[0].acknowledged.size + 25;
      await untilAcknowledged(publishers[0], wanted);
      await assertWhole(bert, from, new Map([...merged(...publishers.map((p) => p.acknowledged))]));
      since = { epoch: answer.position.epoch, offset: offsets(bert).at(-1) };
      assert.deepEqual(gaps(bert), []);
      bert.ws.terminate();
      await untilAcknowledged(publishers[0], wanted + 25); // that it misses
    }
    await Promise.all(publishers.map((p) => p.stop()));
  });

  test(`${plugin}: the live broker is killed, and nobody misses what was acknowledged`, async (t) => {
    const { live, hubs } = await setUp(t, plugin);
    const [anna, carl, bert, dora] = [await connect(t, hubs[0]), await connect(t, hubs[1]), await connect(t, hubs[0]), await connect(t, hubs[1])];
    const { position } = await bert.subscribe(ROOM);
    await dora.subscribe(ROOM);
    const publishers = [publishing(anna, 'a'), publishing(carl, 'c')];
    for (let round = 0; round < 2; round++) {
      await untilAcknowledged(publishers[0], publishers[0].acknowledged.size + 20);
      await live.kill9();
      await Promise.all(hubs.map((hub) => untilNotReady(hub, RECOVERY)));
      await live.restart();
    }
    await untilAcknowledged(publishers[0], publishers[0].acknowledged.size + 20);
    const acknowledged = merged(...await Promise.all(publishers.map((p) => p.stop())));
    for (const client of [bert, dora]) {
      await assertWhole(client, position.offset, acknowledged);
      assert.deepEqual(gaps(client), []);
    }
  });

  test(`${plugin}: the history is killed and comes back, and nobody misses what was acknowledged`, async (t) => {
    const { past, hubs } = await setUp(t, plugin, DURABLE);
    const [anna, carl, bert, dora] = [await connect(t, hubs[0]), await connect(t, hubs[1]), await connect(t, hubs[0]), await connect(t, hubs[1])];
    const { position } = await bert.subscribe(ROOM);
    await dora.subscribe(ROOM);
    const publishers = [publishing(anna, 'a'), publishing(carl, 'c')];
    await untilAcknowledged(publishers[0], 20);
    await past.kill9();
    const refused = await (await connect(t, hubs[0])).request('publish', { channel: ROOM, data: 'refused' }, { deadline: 20000 });
    assert.equal(refused.op, 'error', 'nothing goes out that the history has not');
    await past.restart();
    await untilAcknowledged(publishers[0], publishers[0].acknowledged.size + 20);
    const acknowledged = merged(...await Promise.all(publishers.map((p) => p.stop())));
    for (const client of [bert, dora]) await assertWhole(client, position.offset, acknowledged);
  });

  test(`${plugin}: a history that comes back empty is another epoch, and is told`, async (t) => {
    const { past, hubs } = await setUp(t, plugin);
    const [anna, bert] = [await connect(t, hubs[0]), await connect(t, hubs[1])];
    const { position: old } = await bert.subscribe(ROOM);
    await publish(anna, 'before');
    await past.restart(); // nothing was saved
    const { epoch } = await publish(anna, 'after');
    assert.notEqual(epoch, old.epoch);
    await until(RECOVERY, 'a gap with the new position', () => gaps(bert).some((g) => g.position?.epoch === epoch));
    await publish(anna, 'next');
    await bert.waitMessage(ROOM, (data) => data === 'next', { deadline: RECOVERY });
    const carl = await connect(t, hubs[0]);
    const answer = await carl.ok('subscribe', { channel: ROOM, since: old });
    assert.equal(answer.recovered, false);
    assert.equal(answer.position.epoch, epoch);
  });
}
