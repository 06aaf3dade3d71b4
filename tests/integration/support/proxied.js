// SPDX-License-Identifier: MIT
// What a proxy writes ahead of a connection (haproxy's doc/proxy-protocol.txt), and connections from another address of
// this machine, which no configuration here trusts.
import net from 'node:net';
import { metricsParse, metricsSum } from './metrics.js';
import { Raw } from './raw.js';
import { within } from './wait.js';

export const STRANGER = '127.0.0.2';

export const v1 = (source, { family = source.includes(':') ? 'TCP6' : 'TCP4' } = {}) =>
  `PROXY ${family} ${source} ${family === 'TCP6' ? '::1' : '127.0.0.1'} 40000 80\r\n`;

const ipBytes = (ip) => {
  if (!ip.includes(':')) return Buffer.from(ip.split('.').map(Number));
  const [left, right] = ip.split('::').map((half) => half.split(':').filter(Boolean));
  const words = right === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.from(words.flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 0xff]));
};

// `command`: 0 is LOCAL, 1 PROXY. `tlvs` stand behind the addresses.
export function v2(source, { command = 1, version = 2, tlvs = Buffer.alloc(0) } = {}) {
  const six = source.includes(':');
  const body = Buffer.concat([ipBytes(source), ipBytes(six ? '::1' : '127.0.0.1'), Buffer.from([0x9c, 0x40, 0, 80]), tlvs]);
  const head = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    (version << 4) | command, six ? 0x21 : 0x11, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([head, body]);
}

// A connection from there. `path`: to a UNIX socket instead.
export async function connectFrom(hub, localAddress, path) {
  const socket = net.connect(path ? { path, allowHalfOpen: true }
    : { port: hub.port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
  const raw = new Raw(socket);
  await within(5000, 'connection', new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  }));
  return raw;
}

// The metrics, asked for by a stranger: where proxies must say a word first, nobody else can ask from 127.0.0.1.
export async function metricsFrom(hub, localAddress = STRANGER) {
  const raw = await connectFrom(hub, localAddress);
  raw.send('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  const { body } = await raw.answer();
  raw.destroy();
  const parsed = metricsParse(body);
  return { sum: (name, labels) => metricsSum(parsed, name, labels) };
}
