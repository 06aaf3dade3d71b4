// SPDX-License-Identifier: MIT
// The brokers that a hub may stand on, each with a real server of its own on a free port. To a hub they differ in one line
// of YAML.
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { BIN, run } from './hub.js';
import { startMosquitto } from './mosquitto.js';
import { startNats } from './nats.js';
import { startRedis } from './redis.js';

// JSON is YAML's flow style.
const line = (plugin, options = {}) => `brokers: ${JSON.stringify([{ name: 'main', plugin, options }])}`;

function isRunnable(file) {
  try { accessSync(file, constants.X_OK); return true; } catch { return false; }
}

// Why a plugin cannot be tried here; undefined when it can.
function missing(plugin, server, packageName) {
  try { accessSync(join(dirname(BIN), 'plugins', `${plugin}.so`)); } catch { return `this build has no plugin ${plugin}`; }
  const places = server.includes('/') ? [server] : [...process.env.PATH.split(':'), '/usr/sbin', '/usr/local/sbin'].map((folder) => join(folder, server));
  return places.some(isRunnable) ? undefined : `no ${server}: install the package ${packageName}`;
}

// plugin -> what it says that its broker can do, as `wshub plugins` prints it: NAME KIND VERSION ABI CAPABILITIES FILE
export async function capabilities() {
  const { stdout } = await run(['plugins']);
  const rows = stdout.trim().split('\n').slice(1).map((row) => row.split(/ +/));
  return Object.fromEntries(rows.map(([name, , , , claimed]) => [name, claimed.split(',')]));
}

async function started(plugin, starting) {
  const server = await starting;
  return { line: line(plugin, { url: server.url }), kill9: () => server.kill9(), restart: () => server.restart() };
}

// name         the plugin's
// instances    how many of them make one hub
// missing()    why not to be tried here, or undefined
// start(t)     a server that lives to the end of test t: { line: the line of YAML, kill9(), restart() }; a broker that is
//              inside the hub has only the line
export const BACKENDS = [
  {
    name: 'memory',
    instances: 1,
    missing: () => undefined,
    start: async () => ({ line: line('memory') }),
  },
  {
    name: 'redis',
    instances: 3,
    missing: () => missing('redis', process.env.WSHUB_REDIS_BIN ?? 'redis-server', 'redis-server'),
    start: (t) => started('redis', startRedis(t)),
  },
  {
    name: 'nats',
    instances: 3,
    missing: () => missing('nats', process.env.WSHUB_NATS_BIN ?? 'nats-server', 'nats-server'),
    start: (t) => started('nats', startNats(t, { jetstream: true })),
  },
  {
    name: 'mqtt',
    instances: 3,
    missing: () => missing('mqtt', process.env.WSHUB_MOSQUITTO_BIN ?? 'mosquitto', 'mosquitto'),
    start: (t) => started('mqtt', startMosquitto(t)),
  },
];
