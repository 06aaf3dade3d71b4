// SPDX-License-Identifier: MIT
// Hubs on a real NATS, and what must be true of the two together.
import { atEnd } from './cleanup.js';
import { start } from './hub.js';
import { until } from './wait.js';

// A hub on a NATS, or on anything else with a url. `options` are the plugin's, the rest of `config` is the hub's.
export async function startHub(t, broker, { options = {}, ...config } = {}, { ready } = {}) {
  const hub = await start({
    unsubscribe_linger: '0s',
    brokers: [{ name: 'main', plugin: 'nats', options: { url: broker.url, ...options } }],
    ...config,
  }, { ready });
  atEnd(t, () => hub.stop());
  if (ready !== false) hub.id = (await hub.metrics()).samples.find((s) => s.name === 'wshub_build_info').labels.instance;
  return hub;
}

// Until the server has just these subscriptions of hubs, once for each.
export async function untilSubjects(nats, wanted, deadline = 5000) {
  let last = [];
  await until(deadline, () => `subjects ${wanted.join(' ')}; last seen ${last.join(' ')}`, async () => {
    last = await nats.subjects();
    return last.join('\n') === [...wanted].sort().join('\n');
  });
}
