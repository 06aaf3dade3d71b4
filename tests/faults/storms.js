// SPDX-License-Identifier: MIT
// The storms that are tests: which backends there are, what is done to each, and how small it is. Each line is one run
// of wshub-storm with servers of its own; tests/faults/prove makes the large ones.

// Enough that every fault meets messages under way; small enough for many at a time.
export const SMALL = ['--channels', '4', '--publishers', '3', '--subscribers', '12', '--per-subscriber', '2', '--rate', '120', '--seconds', '3', '--pause', '1500', '--instance-ttl', '1000', '--drain', '300'];

const CLIENTS = ['slow-reader'];
const HUBS = ['rolling', 'kill-instance', 'pause-instance'];
const BROKER = ['kill-broker', 'restart-broker', 'pause-broker', 'cut-clients', 'clock-step', 'netns'];

// What a fault needs beyond the usual.
export const EXTRA = {
  'slow-reader': ['--size', '8000', '--outbox', '65536', '--rate', '300'], // more than sockets hold
  rolling: ['--instances', '3'],
};

export const BACKENDS = {
  memory: { args: ['--instances', '1'], faults: [...CLIENTS, 'pause-instance'] },
  'memory-no-history': { backend: 'memory', args: ['--instances', '1', '--no-history'], faults: [...CLIENTS, 'rolling', 'kill-instance'] },
  redis: { faults: [...CLIENTS, ...HUBS, ...BROKER] },
  'redis-no-history': { backend: 'redis', args: ['--no-history'], faults: [...HUBS, 'kill-broker', 'cut-clients'] },
  nats: { faults: [...HUBS, ...BROKER] },
  mqtt: { args: ['--no-history'], faults: [...HUBS, ...BROKER] },
  'via-nats': { faults: ['rolling', 'kill-instance', 'kill-broker', 'cut-clients'] },
  'via-mqtt': { faults: ['rolling', 'kill-instance', 'kill-broker', 'cut-clients', 'pause-broker'] },
};
