// SPDX-License-Identifier: MIT
// Hubs on a real mosquitto, and what must be true of the two together.
import { atEnd } from './cleanup.js';
import { start } from './hub.js';
import { until } from './wait.js';

// A hub on a server: { url }. `options` are the plugin's, the rest of `config` is the hub's.
export async function startMqttHub(t, server, { options = {}, ...config } = {}, { ready } = {}) {
  const hub = await start({
    unsubscribe_linger: '0s',
    brokers: [{ name: 'main', plugin: 'mqtt', options: { url: server.url, ...options } }],
    ...config,
  }, { ready });
  atEnd(t, () => hub.stop());
  return hub;
}

export const instanceTopic = (hub) => `wshub/$registry/ws/instance/${hub.id}`;
export const connectionTopic = (client) => `wshub/$registry/ws/conn/${client.welcome.connection}`;

// Until the entries of the registry are just these topics.
export async function untilRetained(server, topics, deadline = 5000) {
  const wanted = [...topics].sort().join('\n');
  let last = '';
  await until(deadline, () => `entries of the registry:\n${wanted}\nlast seen:\n${last}`, async () => {
    last = Object.keys(await server.retained('wshub/$registry/#')).sort().join('\n');
    return last === wanted;
  });
}
