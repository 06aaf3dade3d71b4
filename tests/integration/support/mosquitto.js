// SPDX-License-Identifier: MIT
// Real mosquitto servers, each with a port, a directory and a configuration of its own, ended by their own pids. They
// can be killed, paused and restarted empty, and looked into while a hub uses them.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './cleanup.js';
import { MqttClient } from './mosquitto_client.js';
import { pause } from './pause.js';
import { freePort } from './ports.js';
import { until, within } from './wait.js';

const SERVER = process.env.WSHUB_MOSQUITTO_BIN ?? 'mosquitto';
const PATH = `${process.env.PATH}:/usr/sbin`; // where Debian has it

// A test that dies leaves no server behind.
const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

const lines = (config) => Object.entries(config).map(([word, value]) => `${word} ${value}\n`).join('');

export class Mosquitto {
  // `config`: lines of mosquitto.conf. `users`: { name: password }. `acl`: text of an acl_file. `tls`: { cert, key }.
  // `login`: how the fixture itself logs in.
  constructor({ config = {}, users, acl, tls, login } = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'wshub-mosquitto-'));
    this.config = { user: 'root', persistence: false, max_queued_messages: 1000000, log_type: 'all', allow_anonymous: !users, ...config };
    this.users = users;
    this.acl = acl;
    this.tls = tls;
    this.login = login ?? (users && { username: Object.keys(users)[0], password: Object.values(users)[0] });
    this.child = null;
    this.connections = new Set();
  }

  get url() { return `${this.tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${this.port}`; }

  // ---- its life ----

  path(name, content) {
    const path = join(this.directory, name);
    if (content !== undefined) writeFileSync(path, content);
    return path;
  }

  #configure() {
    const own = {};
    if (this.users) {
      own.password_file = this.path('passwords', Object.entries(this.users).map((pair) => `${pair.join(':')}\n`).join(''));
      execFileSync('mosquitto_passwd', ['-U', own.password_file]);
    }
    if (this.acl !== undefined) own.acl_file = this.path('acl', this.acl);
    if (this.tls) Object.assign(own, { certfile: this.tls.cert, keyfile: this.tls.key });
    return this.path('mosquitto.conf', lines({ listener: `${this.port} 127.0.0.1`, ...this.config, ...own }));
  }

  async start() {
    for (let attempt = 1; ; attempt++) {
      this.port ??= await freePort();
      if (await this.#spawn()) return this;
      this.port = undefined;
      if (attempt === 5) throw new Error(`no free port for mosquitto:\n${this.output}`);
    }
  }

  // Until it runs; false when somebody else has the port.
  #spawn() {
    this.output = '';
    const child = spawn(SERVER, ['-c', this.#configure()], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH } });
    this.child = child;
    alive.add(child);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => { this.output += part; });
    this.exit = new Promise((resolve) => {
      child.on('error', (error) => { this.output += `${error.message}: install the package mosquitto\n`; resolve(); });
      child.on('close', resolve);
    });
    this.exit.then(() => { alive.delete(child); if (this.child === child) this.child = null; });
    return until(10000, () => `mosquitto ready on port ${this.port}:\n${this.output}`, () => {
      if (/mosquitto version .* running/.test(this.output)) return { running: true };
      if (this.child === child) return undefined;
      if (/Address already in use/i.test(this.output)) return { running: false };
      throw new Error(`${SERVER} ended:\n${this.output}`);
    }).then(({ running }) => running);
  }

  async kill9() {
    if (!this.child) return;
    this.child.kill('SIGKILL');
    await within(5000, 'end of mosquitto', this.exit);
  }

  pause() { pause(this.child); }
  resume() { this.child.kill('SIGCONT'); }

  // On the same port, with nothing in it; `config` is laid over what it had.
  async restart(config = {}) {
    await this.kill9();
    Object.assign(this.config, config);
    return this.start();
  }

  async stop() {
    await this.kill9();
    this.connections.forEach((c) => c.socket.destroy());
    rmSync(this.directory, { recursive: true, force: true });
  }

  // ---- looking into it (not over TLS) ----

  async connect(options) {
    const client = await MqttClient.connect(this.port, { ...this.login, ...options });
    this.connections.add(client);
    client.closed.then(() => this.connections.delete(client));
    return client;
  }

  async publish(topic, payload, options) {
    const client = await this.connect();
    await client.publish(topic, payload, options);
    await client.close();
  }

  // topic -> message, of all that is retained below a filter.
  async retained(filter = '#') {
    const client = await this.connect();
    await client.subscribe(filter);
    await client.subscribe('test/fence');
    await client.publish('test/fence', '');
    await client.messages.next((m) => m.topic === 'test/fence', { what: 'the fence behind what is retained' });
    await client.close();
    return Object.fromEntries(client.messages.items.filter((m) => m.retain).map((m) => [m.topic, m]));
  }
}

export async function startMosquitto(t, options) {
  const server = new Mosquitto(options);
  atEnd(t, () => server.stop());
  return server.start();
}
