// SPDX-License-Identifier: MIT
// Real Redis servers, each with a port, a directory and a configuration of its own, ended by their own pids. They can be
// killed, paused and restarted empty, and looked into while a hub uses them.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './cleanup.js';
import { pause } from './pause.js';
import { freePort } from './ports.js';
import { Resp, respText } from './resp.js';
import { until, within } from './wait.js';

const SERVER = process.env.WSHUB_REDIS_BIN ?? 'redis-server';

// A test that dies leaves no server behind.
const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

// A list repeats the word: user: ['a on', 'b on'].
const lines = (config) => Object.entries(config)
  .flatMap(([word, value]) => [value].flat().map((one) => `${word} ${one === '' ? '""' : one}\n`)).join('');

export class Redis {
  constructor({ config = {}, port, sentinel = false, login = {} }) {
    this.directory = mkdtempSync(join(tmpdir(), 'wshub-redis-'));
    this.socketPath = join(this.directory, 'socket');
    this.config = config;
    this.fixedPort = port;
    this.sentinel = sentinel;
    this.login = { password: config.requirepass, ...login }; // how the fixture itself logs in
    this.child = null;
    this.connections = new Set(); // of the fixture, closed at the end
    this.control = null; // the one for command()
  }

  get url() { return `redis://127.0.0.1:${this.port}`; }

  // ---- its life ----

  async start() {
    for (let attempt = 1; ; attempt++) {
      this.port = this.fixedPort ?? await freePort();
      const taken = await this.#spawn();
      if (!taken) break;
      if (attempt === 5) throw new Error(`no free port for Redis:\n${this.output}`);
    }
    this.fixedPort = this.port; // it comes back where it was
    return this;
  }

  #spawn() {
    const file = join(this.directory, 'redis.conf');
    const own = { port: this.port, bind: '127.0.0.1', dir: this.directory, daemonize: 'no', 'protected-mode': 'no' };
    if (!this.sentinel) Object.assign(own, { unixsocket: this.socketPath, save: '', appendonly: 'no', 'repl-diskless-sync-delay': 0 });
    writeFileSync(file, lines({ ...own, ...this.config }));
    this.output = '';
    const child = spawn(SERVER, [file, ...(this.sentinel ? ['--sentinel'] : [])], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    alive.add(child);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => { this.output += part; });
    this.exit = new Promise((resolve) => {
      child.on('error', (error) => { this.output += `${error.message}: install the package redis-server\n`; resolve(); });
      child.on('close', resolve);
    });
    this.exit.then(() => { alive.delete(child); if (this.child === child) this.child = null; });
    return this.#ready(child);
  }

  // Until it answers; true when somebody else has the port.
  #ready(child) {
    return until(10000, () => `Redis ready on port ${this.port}:\n${this.output}`, async () => {
      if (this.child !== child) {
        if (/bind: Address (already )?in use|Address already in use/i.test(this.output)) return { taken: true };
        throw new Error(`${SERVER} ended:\n${this.output}`);
      }
      if (!/Ready to accept connections|Sentinel ID is/.test(this.output)) return undefined; // a stranger may answer there
      const probe = await Resp.connect({ host: '127.0.0.1', port: this.port }, this.login);
      await probe.command('PING').finally(() => probe.close());
      return { taken: false };
    }).then(({ taken }) => taken);
  }

  async kill9() {
    if (!this.child) return;
    this.child.kill('SIGKILL');
    await within(5000, 'end of Redis', this.exit);
    await this.control?.close();
    this.control = null;
  }

  pause() { pause(this.child); }
  resume() { this.child.kill('SIGCONT'); }

  // On the same port, with nothing in it; `config` is laid over what it had.
  async restart(config = {}) {
    await this.kill9();
    Object.assign(this.config, config);
    if ('requirepass' in config) this.login.password = config.requirepass;
    return this.start();
  }

  async stop() {
    await this.kill9(); // a paused one does not hear SIGTERM, and there is nothing to save
    await Promise.all([...this.connections].map((c) => c.close()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  // ---- looking into it ----

  async connect(login = this.login) {
    const connection = await Resp.connect({ host: '127.0.0.1', port: this.port }, login);
    this.connections.add(connection);
    connection.closed.then(() => this.connections.delete(connection));
    return connection;
  }

  async #controlled() {
    if (!this.control || this.control.error) this.control = await this.connect();
    return this.control;
  }

  // The reply of one command, bulk strings as text; raw(): as Buffers.
  async command(...args) { return respText(await this.raw(...args)); }
  async raw(...args) { return (await this.#controlled()).raw(...args); }

  // Every command that Redis is given from now on: an Inbox of { client, args }, on a connection of its own.
  async monitor() {
    const connection = await this.connect();
    await connection.streaming('MONITOR');
    return Object.assign(connection.stream, {
      close: () => connection.close(),
      commands: (name) => connection.stream.items.map(monitorRead).filter((m) => m.args[0].toUpperCase() === name),
    });
  }

  // A plain subscriber: an Inbox of { channel, payload } with the payload's bytes.
  async subscribe(...channels) {
    const connection = await this.connect();
    connection.waiting.length = 0;
    await connection.streaming('SUBSCRIBE', ...channels);
    const { stream } = connection;
    return {
      close: () => connection.close(),
      next: async (channel, options = {}) => {
        const [, name, payload] = await stream.next((v) => Array.isArray(v) && String(v[0]) === 'message' &&
          (channel === undefined || String(v[1]) === channel), { what: `message of ${channel}`, ...options });
        return { channel: name.toString(), payload };
      },
      get count() { return stream.items.filter((v) => Array.isArray(v) && String(v[0]) === 'message').length; },
    };
  }

  // channel -> number of subscriptions
  async subscriptions(...channels) {
    const reply = await this.command('PUBSUB', 'NUMSUB', ...channels);
    return Object.fromEntries(channels.map((_, i) => [reply[2 * i], reply[2 * i + 1]]));
  }

  // The connections whose CLIENT SETNAME fits, as { id, name, addr, sub, ... }.
  async clients(name = /^wshub-/) {
    const list = await this.command('CLIENT', 'LIST');
    return list.trim().split('\n').map((line) => Object.fromEntries(line.split(' ').map((pair) => pair.split(/=(.*)/s).slice(0, 2))))
      .filter((client) => name.test(client.name));
  }

  // key -> { ttl: ms, or -1 without one, value: of a string }, of all keys that fit the pattern
  async entries(pattern = 'ws:*') {
    const keys = await this.command('KEYS', pattern);
    const read = async (key) => {
      const [ttl, value] = await Promise.all([this.command('PTTL', key), this.command('GET', key).catch(() => undefined)]);
      return [key, { ttl, value }];
    };
    return new Map((await Promise.all(keys.map(read))).filter(([, { ttl }]) => ttl !== -2)); // -2: gone meanwhile
  }

  // Inside one MULTI: nothing of others comes between.
  async atomically(...commands) {
    const connection = await this.#controlled();
    return (await Promise.all([['MULTI'], ...commands, ['EXEC']].map((c) => connection.command(...c)))).at(-1);
  }
}

// A line of MONITOR: 1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
export function monitorRead(line) {
  const [, client, rest] = /^[\d.]+ \[\d+ ([^\]]*)\] (.*)$/s.exec(line);
  const args = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, arg]) => arg.replace(/\\(x[0-9a-f]{2}|.)/g,
    (_, c) => (c.length > 1 ? String.fromCharCode(parseInt(c.slice(1), 16)) : { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' }[c] ?? c)));
  return { client, args };
}

async function started(t, redis) {
  atEnd(t, () => redis.stop());
  return redis.start();
}

// `config`: lines of redis.conf, { requirepass: 'secret', maxclients: 20, user: ['hub on >pw ~* &* +@all'] }.
// `login`: how the fixture itself logs in when that is not the default user with requirepass.
export function startRedis(t, options = {}) {
  return started(t, new Redis(options));
}

// A sentinel that watches `master` under a name; it takes it for dead after half a second.
export function startSentinel(t, master, name = 'main', { config = {} } = {}) {
  const { password } = master.login;
  return started(t, new Redis({
    sentinel: true,
    config: {
      sentinel: [`monitor ${name} 127.0.0.1 ${master.port} 1`, `down-after-milliseconds ${name} 500`,
        `failover-timeout ${name} 3000`, ...(password ? [`auth-pass ${name} ${password}`] : [])],
      ...config,
    },
  }));
}
