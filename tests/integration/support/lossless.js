// SPDX-License-Identifier: MIT
// Publishers that go on whatever happens, and what their subscribers must have got in the end.
import assert from 'node:assert/strict';
import { until } from './wait.js';

export const ROOM = 'room:1';
export const RECOVERY = 30000; // of a link and of what it missed

// Publishes until it is taken: by its key, once. Returns the position.
export async function publish(client, data) {
  let answer;
  await until(RECOVERY, () => `${data} to be taken; last answer ${JSON.stringify(answer)}`, async () => {
    answer = await client.request('publish', { channel: ROOM, data, key: `key-${data}` }, { deadline: 20000 });
    assert.ok(answer.op === 'ok' || answer.retry, JSON.stringify(answer));
    return answer.op === 'ok';
  });
  return answer.position;
}

// NAME-0, NAME-1, ... one after the other, until stopped; the promise of stop() is data -> offset of what was acknowledged.
export function publishing(client, name) {
  const acknowledged = new Map();
  let stopped = false;
  const done = (async () => {
    for (let i = 0; !stopped; i++) {
      const data = `${name}-${i}`;
      acknowledged.set(data, (await publish(client, data)).offset);
    }
    return acknowledged;
  })();
  done.catch(() => {}); // told by stop
  return { acknowledged, stop: () => { stopped = true; return done; } };
}

export const offsets = (client) => client.messages(ROOM).map((m) => m.offset);
export const gaps = (client) => client.frames.items.map((f) => f.json).filter((m) => m.op === 'gap' && m.channel === ROOM);

// What came after `from`, once and in order, with what was published under it; `dense`: each offset.
export async function assertWhole(client, from, acknowledged, { dense = true } = {}) {
  const last = Math.max(...acknowledged.values());
  await client.waitMessage(ROOM, () => offsets(client).includes(last), { deadline: RECOVERY });
  const got = offsets(client);
  const wrong = got.findIndex((offset, i) => (dense ? offset !== from + 1 + i : offset <= (i ? got[i - 1] : from)));
  assert.equal(wrong, -1, `${got.slice(Math.max(0, wrong - 3), wrong + 3)} around ${wrong} of ${got.length}, from ${from}; gaps: ${JSON.stringify(gaps(client))}`);
  const data = new Map(client.messages(ROOM).map((m) => [m.offset, m.data]));
  for (const [name, offset] of acknowledged) if (offset > from) assert.equal(data.get(offset), name);
  assert.equal(new Set(data.values()).size, data.size, 'nothing was taken twice');
}

export const merged = (...maps) => new Map(maps.flatMap((map) => [...map]));

export const untilAcknowledged = (publisher, count) =>
  until(RECOVERY, () => `${count} acknowledged, ${publisher.acknowledged.size} are`, () => publisher.acknowledged.size >= count);
