// SPDX-License-Identifier: MIT
// Every file in examples/ as a person starts from it: with nothing but its environment variables set, it passes the check,
// the hub gets ready on real brokers that want a password, and a message goes through.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BACKENDS } from './support/backends.js';
import { atEnd } from './support/cleanup.js';
import { Client } from './support/client.js';
import { ROOT, run, start } from './support/hub.js';
import { startRedis } from './support/redis.js';

const FOLDER = join(ROOT, 'examples');
const PASSWORD = 'p@ss "w:rd" #1/$x'; // of those that are not at home in YAML, nor in a url

async function redisEnvironment(t) {
  const redis = await startRedis(t, { config: { requirepass: JSON.stringify(PASSWORD) }, login: { password: PASSWORD } });
  return { REDIS_ADDRESS: `127.0.0.1:${redis.port}`, REDIS_PASSWORD: PASSWORD };
}

// file -> the brokers that it needs, each started and told in the environment; a channel of each that clients may use
const EXAMPLES = {
  'memory.yaml': { needs: [], channels: ['room:1'] },
  'redis.yaml': { needs: ['redis'], channels: ['room:1'] },
};
const ENVIRONMENTS = { redis: redisEnvironment };

const missing = (needs) => BACKENDS.filter((b) => needs.includes(b.name)).map((b) => b.missing()).find((reason) => reason);

// The second signal hurries: nobody waits for the delay and the window of a load balancer's sake.
async function stopQuickly(hub) {
  hub.kill('SIGTERM');
  await hub.event('drain begins', { deadline: 10000 });
  hub.kill('SIGTERM');
  return hub.stop();
}

async function assertCarries(hub, channel) {
  const [reader, writer] = [await Client.connect(hub), await Client.connect(hub)];
  await reader.subscribe(channel);
  await writer.publish(channel, 'through');
  const message = await reader.waitMessage(channel);
  assert.equal(message.data, 'through');
  assert.equal(message.from.connection, writer.welcome.connection);
  await Promise.all([reader.close(), writer.close()]);
}

test('every example is tried', () => {
  assert.deepEqual(readdirSync(FOLDER).filter((name) => name.endsWith('.yaml')).sort(), Object.keys(EXAMPLES).sort());
});

for (const [name, { needs, channels }] of Object.entries(EXAMPLES)) {
  const file = join(FOLDER, name);
  const text = readFileSync(file, 'utf8');

  test(`${name}: is right, starts, and carries messages`, { skip: missing(needs) }, async (t) => {
    const environments = await Promise.all(needs.map((need) => ENVIRONMENTS[need](t)));
    const env = Object.assign({ WSHUB_LISTEN: '127.0.0.1:0' }, ...environments);
    const check = await run(['check', '-c', file], { env });
    assert.equal(check.code, 0, check.stderr);
    assert.match(check.stdout, /: ok\n/);
    const hub = await start(text, { env });
    atEnd(t, () => stopQuickly(hub));
    assert.equal((await hub.get('/readyz')).status, 200);
    for (const channel of channels) await assertCarries(hub, channel);
    assert.ok(!hub.text.includes(PASSWORD), 'a secret in the log');
  });

  test(`${name}: without its environment, each variable that is missing is named`, { skip: missing(needs) }, async () => {
    const variables = [...text.replace(/#.*/g, '').matchAll(/\$\{(\w+)\}/g)].map(([, variable]) => variable);
    const check = await run(['check', '-c', file], { env: Object.fromEntries(variables.map((variable) => [variable, undefined])) });
    assert.notEqual(check.code, 0);
    for (const variable of variables) assert.ok((check.stderr + check.stdout).includes(`found \${${variable}}, expected it to be set`), check.stderr);
  });
}
