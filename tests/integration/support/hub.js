// SPDX-License-Identifier: MIT
// Starts the real hub on a free port, reads its log as it comes, and ends it by its own pid. A hub that leaves with
// another code than 0, or with a sanitizer's report in its log, fails the test that started it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { metricsParse, metricsSum } from './metrics.js';
import { Inbox, within } from './wait.js';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const BIN = resolve(process.env.WSHUB_BIN ?? join(ROOT, 'build/wshub'));

const SANITIZER = /AddressSanitizer|ThreadSanitizer|LeakSanitizer|MemorySanitizer|UndefinedBehavior|runtime error:/;

// A hub that a test stops has no reason to linger.
const DEFAULTS = { listen: '127.0.0.1:0', drain: { delay: '0s', window: '0s', timeout: '10s' } };

// Flow style is YAML too, and JSON is flow style.
export function yaml(config) {
  return Object.entries(config).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join('');
}

export function logfmt(line) {
  const record = { line };
  for (const [, key, quoted, plain] of line.matchAll(/([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g))
    record[key] = quoted === undefined ? plain : quoted.replace(/\\(.)/g, (_, c) => ({ n: '\n', t: '\t', r: '\r' }[c] ?? c));
  return record;
}

// A line of the log, in the format that the configuration chose.
function logRecord(line) {
  if (!line.startsWith('{')) return logfmt(line);
  try { return { ...JSON.parse(line), line }; } catch { return { line }; }
}

export function assertNoSanitizerReport(text) {
  assert.ok(!SANITIZER.test(text), `sanitizer report in the hub's log:\n${text}`);
}

// One request on a connection of its own: { status, headers, body, json }.
export function request(url, { method = 'GET', headers = {}, body, deadline = 5000 } = {}) {
  return within(deadline, `answer to ${method} ${url}`, new Promise((resolve, reject) => {
    const req = http.request(url, { method, headers, agent: false }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('error', reject);
      res.on('end', () => {
        const text = Buffer.concat(parts).toString();
        resolve({
          status: res.statusCode,
          headers: res.headers,
          body: text,
          get json() { return JSON.parse(text); },
        });
      });
    });
    req.on('error', reject);
    req.end(body);
  }));
}

export class Hub {
  constructor(child, directory) {
    this.child = child;
    this.pid = child.pid;
    this.directory = directory;
    this.log = new Inbox('log of the hub');
    this.text = ''; // stderr as it came
    this.stopped = null;
    const lines = readline.createInterface({ input: child.stderr, crlfDelay: Infinity });
    lines.on('line', (line) => {
      this.text += line + '\n';
      this.log.push(logRecord(line));
    });
    // `close` comes after the last byte of stderr, `exit` may not.
    this.exit = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        this.log.fail(new Error(`the hub ended with code ${code}, signal ${signal}:\n${this.text.slice(-4000)}`));
        resolve({ code, signal, log: this.text });
      });
    });
    this.exit.catch(() => {});
  }

  // The first log record with this event, past or future. `where`: fields that it must have.
  event(name, { deadline = 5000, from = 0, where = {} } = {}) {
    return this.log.next((r) => r.event === name && Object.entries(where).every(([k, v]) => r[k] === String(v)),
      { deadline, from, what: `event ${name} ${JSON.stringify(where)}` });
  }

  get(path, options) { return request(this.url + path, options); }

  // { families, samples, sum(name, labels) }
  async metrics() {
    const answer = await this.get('/metrics');
    assert.equal(answer.status, 200, answer.body);
    const parsed = metricsParse(answer.body);
    return { ...parsed, text: answer.body, sum: (name, labels) => metricsSum(parsed, name, labels) };
  }

  kill(signal) {
    this.signalled = true;
    this.child.kill(signal);
  }

  // No goodbye: what a crash leaves behind stays.
  kill9() {
    this.kill('SIGKILL');
    return this.stop({ code: null, signal: 'SIGKILL' });
  }

  // Ends the hub with SIGTERM, unless the test has sent a signal already, and asserts that it went well. A second call
  // gives the same answer.
  stop({ code = 0, signal = null, deadline = 15000 } = {}) {
    this.stopped ??= (async () => {
      if (!this.signalled) this.kill('SIGTERM');
      let end;
      try {
        end = await within(deadline, () => `exit of the hub; its log:\n${this.text.slice(-4000)}`, this.exit);
      } catch (error) {
        this.kill('SIGKILL');
        throw error;
      } finally {
        rmSync(this.directory, { recursive: true, force: true });
      }
      assertNoSanitizerReport(end.log);
      assert.equal(end.signal, signal, `the hub died of ${end.signal}:\n${end.log.slice(-4000)}`);
      assert.equal(end.code, code, `exit code of the hub:\n${end.log.slice(-4000)}`);
      return end;
    })();
    return this.stopped;
  }
}

// A test that dies leaves no hub behind.
const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

function spawnHub(config, { env = {}, args = [], command = [BIN] }) {
  const directory = mkdtempSync(join(tmpdir(), 'wshub-test-'));
  const file = join(directory, 'wshub.yaml');
  writeFileSync(file, typeof config === 'string' ? config : yaml({ ...DEFAULTS, ...config }));
  const child = spawn(command[0], [...command.slice(1), 'serve', '-c', file, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  alive.add(child);
  child.on('close', () => alive.delete(child));
  return new Hub(child, directory);
}

// Starts a hub and waits until it is ready. `config`: an object laid over the defaults above, or YAML taken as it is.
// `t`: the test to whose end the hub lives, and which fails when the hub does not end well. `command`: another hub than
// BIN, or what runs it in its own place (prlimit, say). `ready`: false for a hub that has no broker yet.
export async function start(config = {}, { t, env, args, command, ready = true } = {}) {
  const hub = spawnHub(config, { env, args, command });
  try {
    if (ready) await hub.event('ready', { deadline: 10000 });
    const listening = await hub.event('listening');
    hub.address = listening.address;
    hub.port = Number(/:(\d+)$/.exec(listening.address)?.[1]);
    hub.url = listening.url?.replace(/\/$/, ''); // a UNIX socket has none
  } catch (error) {
    hub.kill('SIGKILL');
    await hub.exit.catch(() => {});
    rmSync(hub.directory, { recursive: true, force: true });
    throw error;
  }
  t?.after(() => hub.stop());
  return hub;
}

// Runs the program to its end: { code, signal, stdout, stderr }.
export function run(args, { env = {}, deadline = 10000, input = '' } = {}) {
  const child = spawn(BIN, args, { env: { ...process.env, ...env } });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (part) => { out[name] += part; });
  child.stdin.on('error', () => {}); // it need not read
  child.stdin.end(input);
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...out }));
  });
  return within(deadline, () => `end of wshub ${args.join(' ')}: ${JSON.stringify(out)}`, ended)
    .then((end) => { assertNoSanitizerReport(end.stderr); return end; })
    .finally(() => { if (child.exitCode === null) child.kill('SIGKILL'); });
}
