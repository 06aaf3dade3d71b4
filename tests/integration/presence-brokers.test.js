// SPDX-License-Identifier: MIT
// Presence over three instances on the other brokers that keep a registry: what presence-instances.test.js says of Redis
// holds there too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKENDS } from './support/backends.js';
import { atEnd } from './support/cleanup.js';
import { start, yaml } from './support/hub.js';
import { pause } from './support/pause.js';
import { ROOM, TTL, assertAlternating, assertQuiet, counts, crowd, told, untilThere, untilTold } from './support/presence.js';
import { until } from './support/wait.js';

function hubOn(t, server) {
  return async (config) => {
    const hub = await start(`${server.line}\n${yaml({ listen: '127.0.0.1:0', unsubscribe_linger: '0s', drain: { window: '0s', timeout: '10s' }, ...config })}`);
    atEnd(t, () => hub.stop());
    return hub;
  };
}

for (const backend of BACKENDS.filter(({ name }) => ['nats', 'mqtt'].includes(name))) {
  const scene = (name, body) => test(`${backend.name}: ${name}`, { skip: backend.missing() }, async (t) => {
    const server = await backend.start(t);
    await body(t, server, await crowd(t, hubOn(t, server)));
  });

  scene('joins and leaves are told once', async (t, server, { groups: [[a], [b, b2], [c]], all }) => {
    await untilTold(a, ROOM, b, 'join');
    await b.unsubscribe(ROOM);
    for (const client of [a, c]) await until(5000, 'leave', () => told(client, ROOM).at(-1)?.[0] === 'leave');
    await b.subscribe(ROOM);
    await untilTold(a, ROOM, b, 'join leave join');
    b2.ws.terminate();
    await untilTold(a, ROOM, b2, 'join leave');
    for (const client of all.filter((one) => one !== b2)) {
      await untilThere(client, ROOM, all.filter((one) => one !== b2));
      assertAlternating(client, ROOM);
    }
  });

  scene('members of an instance that is killed leave once', async (t, server, { hubs, groups: [as, bs, cs] }) => {
    const before = counts([...as, ...cs]);
    await hubs[1].kill9();
    for (const client of [...as, ...cs]) await untilThere(client, ROOM, [...as, ...cs], TTL + 1000);
    await assertQuiet([...as, ...cs], [...as, ...cs], before.map((n) => n + bs.length));
  });

  scene('an instance that stood still leaves and comes back', async (t, server, { hubs, groups: [as, bs, cs], all }) => {
    const before = counts([...as, ...cs]);
    pause(hubs[1].child);
    for (const client of [...as, ...cs]) await untilThere(client, ROOM, [...as, ...cs], TTL + 1000);
    hubs[1].kill('SIGCONT');
    hubs[1].signalled = false;
    for (const client of all) await untilThere(client, ROOM, all, 10000);
    for (const [i, client] of [...as, ...cs].entries()) {
      await until(2000, 'leaves and joins', () => told(client, ROOM).length === before[i] + 2 * bs.length);
      assertAlternating(client, ROOM);
    }
    for (const client of bs) assert.deepEqual(told(client, ROOM).filter(([op]) => op === 'leave'), []);
  });

  scene('nobody leaves because the broker is started anew', async (t, server, { all }) => {
    const before = counts(all);
    await server.restart();
    for (const client of all) await untilThere(client, ROOM, all, 20000);
    await assertQuiet(all, all, before);
  });
}
