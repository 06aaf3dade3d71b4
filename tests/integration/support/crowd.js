// SPDX-License-Identifier: MIT
// Thousands of subscribers that cost next to nothing: bare sockets that count what comes.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { atEnd } from './cleanup.js';
import { handshake, text } from './raw.js';
import { until, within } from './wait.js';

const AT_ONCE = 100; // connections being made at a time: below the listener's backlog

class Member {
  constructor(port, channel) {
    this.messages = 0;
    this.rest = Buffer.alloc(0);
    this.open = false;
    this.socket = net.connect({ port, host: '127.0.0.1' });
    this.socket.setNoDelay(true);
    this.socket.on('connect', () => this.socket.write(handshake({ host: `127.0.0.1:${port}`, key: randomBytes(16).toString('base64') })));
    this.subscribed = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.socket.on('error', reject);
      this.socket.on('close', () => reject(new Error('closed before it had subscribed')));
    });
    this.subscribed.catch(() => {});
    this.socket.on('data', (part) => this.#take(part, channel));
  }

  #take(part, channel) {
    this.rest = this.rest.length ? Buffer.concat([this.rest, part]) : part;
    if (!this.open && !this.#upgraded(channel)) return;
    for (let payload; (payload = this.#frame());) this.#read(payload.toString());
  }

  #upgraded(channel) {
    const end = this.rest.indexOf('\r\n\r\n');
    if (end < 0) return false;
    if (!this.rest.toString('latin1').startsWith('HTTP/1.1 101')) {
      this.settle.reject(new Error(`refused: ${this.rest.toString('latin1', 0, 80)}`));
      return false;
    }
    this.rest = this.rest.subarray(end + 4);
    this.socket.write(text({ op: 'subscribe', id: 1, channel }));
    return (this.open = true);
  }

  // The next whole frame's payload; all that the hub sends here is short.
  #frame() {
    const bytes = this.rest;
    if (bytes.length < 2) return undefined;
    const long = bytes[1] === 126;
    if (long && bytes.length < 4) return undefined;
    const at = long ? 4 : 2;
    const end = at + (long ? bytes.readUInt16BE(2) : bytes[1]);
    if (bytes.length < end) return undefined;
    this.rest = bytes.subarray(end);
    return bytes.subarray(at, end);
  }

  #read(payload) {
    if (payload.startsWith('{"op":"message"')) this.messages++;
    else if (payload.startsWith('{"op":"ok"')) this.settle.resolve();
    else if (payload.startsWith('{"op":"error"')) this.settle.reject(new Error(payload));
  }
}

export class Crowd {
  constructor(members) { this.members = members; }

  get messages() { return this.members.reduce((sum, m) => sum + m.messages, 0); }

  // Until each has got as many, and no more.
  async each(count, deadline = 10000) {
    await until(deadline, () => `${count} messages to each of ${this.members.length}; ${this.messages} in all`,
      () => this.messages >= count * this.members.length);
    const wrong = this.members.filter((m) => m.messages !== count);
    if (wrong.length) throw new Error(`${wrong.length} members got another number of messages than ${count}`);
  }

  leave() { for (const { socket } of this.members.splice(0)) socket.destroy(); }
}

// As many connections, each subscribed to the channel.
export async function gather(t, hub, count, channel, deadline = 60000) {
  const crowd = new Crowd([]);
  atEnd(t, () => crowd.leave());
  const join = async () => {
    while (crowd.members.length < count) {
      const member = new Member(hub.port, channel);
      crowd.members.push(member);
      await member.subscribed;
    }
  };
  await within(deadline, () => `${count} subscribers; ${crowd.members.length} so far`, Promise.all(Array.from({ length: AT_ONCE }, join)));
  return crowd;
}
