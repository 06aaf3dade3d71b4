// SPDX-License-Identifier: MIT
// A small client of MQTT 5, so that a test sees topics, flags and properties as they are on the wire.
import net from 'node:net';
import { Inbox, within } from './wait.js';

const TYPE = { CONNECT: 1, CONNACK: 2, PUBLISH: 3, PUBACK: 4, SUBSCRIBE: 8, SUBACK: 9, DISCONNECT: 14 };

// ---- bytes ----

const uint16 = (n) => Buffer.from([n >> 8, n & 255]);
const text = (s) => { const b = Buffer.from(s); return Buffer.concat([uint16(b.length), b]); };

function varint(n) {
  const bytes = [];
  do { bytes.push(n % 128 + (n >= 128 ? 128 : 0)); n = Math.floor(n / 128); } while (n > 0);
  return Buffer.from(bytes);
}

// [value, where it ends], or undefined when it is not all there
function varintRead(bytes, at) {
  for (let n = 0, factor = 1; at < bytes.length; factor *= 128) {
    const byte = bytes[at++];
    n += (byte & 127) * factor;
    if (byte < 128) return [n, at];
  }
  return undefined;
}

const textRead = (bytes, at) => {
  const end = at + 2 + bytes.readUInt16BE(at);
  return [bytes.toString('utf8', at + 2, end), end];
};

const packet = (head, ...parts) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([head]), varint(body.length), body]);
};

// Of a PUBLISH from a server: { user: { name: value }, expiry }.
function propertiesRead(bytes, at) {
  const [length, start] = varintRead(bytes, at);
  const found = { user: {} };
  for (at = start; at < start + length;) {
    const id = bytes[at++];
    if (id === 0x26) {
      const [name, middle] = textRead(bytes, at);
      [found.user[name], at] = textRead(bytes, middle);
    } else if (id === 0x02) {
      found.expiry = bytes.readUInt32BE(at);
      at += 4;
    } else throw new Error(`property ${id} of a PUBLISH`);
  }
  return [found, at];
}

function publishRead(head, bytes) {
  let [topic, at] = textRead(bytes, 0);
  const qos = head >> 1 & 3;
  if (qos) at += 2;
  const [properties, start] = propertiesRead(bytes, at);
  return { topic, qos, retain: (head & 1) === 1, ...properties, payload: Buffer.from(bytes.subarray(start)) };
}

// ---- the client ----

export class MqttClient {
  static async connect(port, { id = '', username, password } = {}) {
    const client = new MqttClient(net.connect(port, '127.0.0.1'));
    const flags = 0x02 | (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
    client.write(packet(TYPE.CONNECT << 4, text('MQTT'), Buffer.from([5, flags, 0, 0, 0]), text(id),
      ...[username, password].filter((s) => s !== undefined).map(text)));
    const [, reason] = (await client.answer(TYPE.CONNACK)).body;
    if (reason !== 0) throw new Error(`CONNACK with reason ${reason}`);
    return client;
  }

  constructor(socket) {
    this.socket = socket;
    this.answers = new Inbox('answers of the MQTT server');
    this.messages = new Inbox('messages of the MQTT server'); // { topic, qos, retain, user, expiry, payload }
    this.taken = 0; // of the answers
    this.mid = 0;
    let rest = Buffer.alloc(0);
    socket.on('data', (part) => { rest = this.#take(Buffer.concat([rest, part])); });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const inbox of [this.answers, this.messages]) inbox.fail(new Error('the MQTT server closed the connection'));
        resolve();
      });
    });
  }

  #take(bytes) {
    for (;;) {
      const length = bytes.length > 1 ? varintRead(bytes, 1) : undefined;
      if (!length || bytes.length < length[1] + length[0]) return bytes;
      const [head, body] = [bytes[0], bytes.subarray(length[1], length[1] + length[0])];
      if (head >> 4 === TYPE.PUBLISH) this.messages.push(publishRead(head, body));
      else this.answers.push({ type: head >> 4, body: Buffer.from(body) });
      bytes = bytes.subarray(length[1] + length[0]);
    }
  }

  write(bytes) { this.socket.write(bytes); }

  // The next answer of a type.
  async answer(type) {
    const found = await this.answers.next((a) => a.type === type, { from: this.taken, what: `MQTT packet ${type}` });
    this.taken = this.answers.items.indexOf(found) + 1;
    return found;
  }

  async subscribe(filter) {
    this.write(packet(TYPE.SUBSCRIBE << 4 | 2, uint16(++this.mid), varint(0), text(filter), Buffer.from([0])));
    const { body } = await this.answer(TYPE.SUBACK);
    if (body.at(-1) >= 0x80) throw new Error(`SUBACK with reason ${body.at(-1)}`);
  }

  // QoS 1: returns when the server has it.
  async publish(topic, payload, { retain = false } = {}) {
    this.write(packet(TYPE.PUBLISH << 4 | 2 | (retain ? 1 : 0), text(topic), uint16(++this.mid), varint(0), Buffer.from(payload)));
    await this.answer(TYPE.PUBACK);
  }

  close() {
    this.socket.end(packet(TYPE.DISCONNECT << 4));
    return within(5000, 'end of an MQTT connection', this.closed);
  }
}
