// SPDX-License-Identifier: MIT
// Real NATS servers, each with ports, a directory and a configuration of its own, ended by their own pids. They can be
// killed, paused and restarted, joined to a cluster, and looked into while a hub uses them.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './cleanup.js';
import { request } from './hub.js';
import { NatsClient } from './nats_client.js';
import { pause } from './pause.js';
import { freePort } from './ports.js';
import { until, within } from './wait.js';

const SERVER = process.env.WSHUB_NATS_BIN ?? 'nats-server';

// A test that dies leaves no server behind.
const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

export class Nats {
  constructor({ config = {}, text = '', jetstream = false, login = {}, name = 'test' } = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'wshub-nats-'));
    Object.assign(this, { config, text, jetstream, login, name, child: null, clients: new Set() });
  }

  get url() { return `nats://127.0.0.1:${this.port}`; }
  get running() { return this.child !== null; }

  // ---- its life ----

  async start() {
    for (let attempt = 1; ; attempt++) {
      if (!this.fixed) {
        this.port = await freePort();
        this.monitor = await freePort();
      }
      const taken = await this.#spawn();
      if (!taken) break;
      if (attempt === 5) throw new Error(`no free port for NATS:\n${this.output}`);
    }
    this.fixed = true; // it comes back where it was
    return this;
  }

  // JSON is a configuration of NATS too, but for its outer braces; `text` is put in as it is.
  #write() {
    const own = { listen: `127.0.0.1:${this.port}`, http: `127.0.0.1:${this.monitor}`, server_name: this.name };
    if (this.jetstream) own.jetstream = { store_dir: join(this.directory, 'store'), max_mem: 1 << 28, max_file: 1 << 28 };
    const file = join(this.directory, 'nats.conf');
    const lines = Object.entries({ ...own, ...this.config }).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
    writeFileSync(file, lines.join('') + this.text);
    return file;
  }

  #spawn() {
    this.output = '';
    const child = spawn(SERVER, ['-c', this.#write()], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    alive.add(child);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => { this.output += part; });
    this.exit = new Promise((resolve) => {
      child.on('error', (error) => { this.output += `${error.message}: install the package nats-server\n`; resolve(); });
      child.on('close', resolve);
    });
    this.exit.then(() => { alive.delete(child); if (this.child === child) this.child = null; });
    return until(10000, () => `NATS ready on port ${this.port}:\n${this.output}`, () => {
      if (this.child !== child) {
        if (/address already in use/.test(this.output)) return { taken: true };
        throw new Error(`${SERVER} ended:\n${this.output}`);
      }
      return /Server is ready/.test(this.output) ? { taken: false } : undefined;
    }).then(({ taken }) => taken);
  }

  async kill9() {
    if (!this.child) return;
    this.child.kill('SIGKILL');
    await within(5000, 'end of NATS', this.exit);
  }

  pause() { pause(this.child); }
  resume() { this.child.kill('SIGCONT'); }
  reload(config) {
    Object.assign(this.config, config);
    this.#write();
    this.child.kill('SIGHUP');
  }
  lameDuck() { this.child.kill('SIGUSR2'); }

  // On the same port; `config` is laid over what it had. Without `keep`, its store is empty.
  async restart(config = {}, { keep = false } = {}) {
    await this.kill9();
    if (!keep) rmSync(join(this.directory, 'store'), { recursive: true, force: true });
    Object.assign(this.config, config);
    return this.start();
  }

  async stop() {
    await this.kill9(); // a paused one does not hear SIGTERM, and there is nothing to save
    await Promise.all([...this.clients].map((c) => c.close()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  // ---- looking into it ----

  async connect(login = this.login) {
    const client = await NatsClient.connect(this.port, login);
    this.clients.add(client);
    client.closed.then(() => this.clients.delete(client));
    return client;
  }

  // What the monitoring port says of connections and their subscriptions.
  async connections() {
    const { json } = await request(`http://127.0.0.1:${this.monitor}/connz?subs=1&limit=1000`);
    return json.connections ?? [];
  }

  // Subjects that hubs are subscribed to, those of probes, instances and inboxes aside; once for each subscription.
  async subjects() {
    const hubs = (await this.connections()).filter((c) => c.name?.startsWith('wshub-'));
    return hubs.flatMap((c) => c.subscriptions_list ?? []).filter((s) => !/^_INBOX\.|\$wshub:(probe|instance):/.test(s)).sort();
  }
}

// `config`: keys of nats-server's configuration; `text`: more of it, as it is written there; `jetstream`: true;
// `login`: how the fixture itself logs in, as fields of CONNECT.
export async function startNats(t, options) {
  const nats = new Nats(options);
  atEnd(t, () => nats.stop());
  return nats.start();
}

// So many servers that know each other. Resolves when all routes are there.
export async function startCluster(t, count, { config = {}, ...options } = {}) {
  const ports = [];
  while (ports.length < count) ports.push(await freePort());
  const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`);
  const servers = await Promise.all(ports.map((port, i) => startNats(t, {
    name: `n${i}`,
    ...options,
    config: { cluster: { name: 'test', listen: `127.0.0.1:${port}`, routes }, ...config },
  })));
  await Promise.all(servers.map((server) => until(10000, 'routes of the cluster', async () => {
    const { json } = await request(`http://127.0.0.1:${server.monitor}/routez`);
    return new Set((json.routes ?? []).map((r) => r.remote_id)).size === count - 1;
  })));
  return servers;
}
