// SPDX-License-Identifier: MIT
// A real mosquitto with a port and a directory of its own, ended by its own pid.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './cleanup.js';
import { freePort } from './ports.js';
import { until, within } from './wait.js';

const SERVER = process.env.WSHUB_MOSQUITTO_BIN ?? 'mosquitto';

const answers = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
  socket.on('error', () => resolve(false));
});

const text = (value) => Buffer.concat([Buffer.from([value.length >> 8, value.length & 255]), Buffer.from(value)]);
const packet = (type, ...parts) => { const body = Buffer.concat(parts); return Buffer.concat([Buffer.from([type, body.length]), body]); }; // short ones

class Mosquitto {
  constructor({ users }) {
    this.directory = mkdtempSync(join(tmpdir(), 'wshub-mqtt-'));
    this.child = null;
    this.text = users ? `allow_anonymous false\npassword_file ${this.directory}/passwords\n` : 'allow_anonymous true\n';
    writeFileSync(`${this.directory}/passwords`, '', { mode: 0o600 });
    for (const [user, password] of Object.entries(users ?? {})) execFileSync('mosquitto_passwd', ['-b', `${this.directory}/passwords`, user, password]);
  }
  get url() { return `mqtt://127.0.0.1:${this.port}`; }
  async start() {
    this.port ??= await freePort();
    const file = join(this.directory, 'mosquitto.conf');
    writeFileSync(file, `listener ${this.port} 127.0.0.1\nuser root\n${this.text}`);
    const child = spawn(SERVER, ['-c', file], { stdio: ['ignore', 'ignore', 'ignore'] });
    this.child = child;
    this.exit = new Promise((resolve) => { child.on('error', resolve); child.on('close', resolve); });
    await until(10000, 'mosquitto ready', () => answers(this.port));
    return this;
  }
  // As another program does, with MQTT 3.1.1 and QoS 0; `login`: { user, password } of printable ASCII.
  async publish(topic, payload, { user, password }) {
    const socket = net.connect(this.port, '127.0.0.1');
    socket.write(packet(0x10, text('MQTT'), Buffer.from([4, 0xc2, 0, 60]), text('outside'), text(user), text(password)));
    const [answer] = await within(5000, 'CONNACK', once(socket, 'data'));
    if (answer[0] !== 0x20 || answer[3] !== 0) throw new Error(`CONNACK ${answer.toString('hex')}`);
    socket.end(Buffer.concat([packet(0x30, text(topic), Buffer.from(payload)), packet(0xe0)]));
    await within(5000, 'end of the connection', once(socket, 'close'));
  }

  async kill9() {
    this.child?.kill('SIGKILL');
    await within(5000, 'end of mosquitto', this.exit);
  }
  async restart() { await this.kill9(); return this.start(); }
  async stop() { await this.kill9(); rmSync(this.directory, { recursive: true, force: true }); }
}

export async function startMosquitto(t, options = {}) {
  const broker = new Mosquitto(options);
  atEnd(t, () => broker.stop());
  return broker.start();
}
