// SPDX-License-Identifier: MIT
// Tokens made by another implementation (jose), forged ones made by hand, an issuer that publishes its keys and may
// misbehave, and the plugin jwt without a hub (tests/support/jwt_driver.c).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import readline from 'node:readline';
import { SignJWT } from 'jose';
import { atEnd } from './cleanup.js';
import { BIN, assertNoSanitizerReport } from './hub.js';
import { Inbox, within } from './wait.js';

const DRIVER = process.env.WSHUB_JWT_DRIVER ?? resolve(dirname(BIN), 'tests/jwt-driver');

export const now = () => Math.floor(Date.now() / 1000);
export const base64url = (text) => Buffer.from(text).toString('base64url');

export const SECRET = 'sixty-four bytes of a secret, as many as the hash of HS512 has .';
assert.equal(SECRET.length, 64);

const KINDS = {
  RS: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
};

// { alg, kid, privateKey, publicKey, pem, jwk }: a new key of an algorithm's kind.
export function newKey(alg, kid, options = {}) {
  const { privateKey, publicKey } = options.bits
    ? generateKeyPairSync('rsa', { modulusLength: options.bits })
    : KINDS[/^[RP]S/.test(alg) ? 'RS' : alg]();
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg };
  return { alg, kid, privateKey, publicKey, pem, jwk };
}

// A token of these claims by jose. `key` is one of newKey or a secret.
export function sign(claims, key, { alg = key.alg ?? 'HS256', header = {} } = {}) {
  const kid = key.kid === undefined ? {} : { kid: key.kid };
  return new SignJWT({ exp: now() + 600, ...claims })
    .setProtectedHeader({ alg, ...kid, ...header })
    .sign(typeof key === 'string' ? new TextEncoder().encode(key) : key.privateKey);
}

// One that jose would not make: header and claims are texts, whatever is in them; signed with HMAC over them.
export function forge(header, claims, secret = SECRET, hash = 'sha256') {
  const signed = `${base64url(header)}.${base64url(claims)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

export const publicOf = (pem) => createPublicKey(pem);

export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'wshub-jwt-'));
  atEnd(t, () => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    write(name, content) {
      const file = join(path, name);
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
      return file;
    },
  };
}

// The plugin, open with these options. ask() resolves to what it decided.
export class Driver {
  constructor(child) {
    this.child = child;
    this.answers = new Inbox('answers');
    this.log = new Inbox('log of the plugin');
    this.asked = 0;
    this.text = '';
    readline.createInterface({ input: child.stdout }).on('line', (line) => this.answers.push(JSON.parse(line)));
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      this.text += line + '\n';
      if (line.startsWith('{')) this.log.push(JSON.parse(line));
    });
    this.exit = new Promise((done) => child.on('close', (code, signal) => {
      this.answers.fail(new Error(`the driver ended with code ${code}, signal ${signal}:\n${this.text}`));
      this.log.fail(new Error(`the driver ended with code ${code}, signal ${signal}:\n${this.text}`));
      done({ code, signal, log: this.text });
    }));
  }

  tell(line) { this.child.stdin.write(line + '\n'); }

  next() {
    const n = ++this.asked;
    return this.answers.next((answer) => answer.n === n, { deadline: 15000, what: `answer ${n}` });
  }

  ask(token) {
    this.tell(token === undefined ? 'none' : `token ${token}`);
    return this.next();
  }

  async may(answer, verb, name) {
    const from = this.answers.items.length;
    this.tell(`may ${answer.n} ${verb} ${name}`);
    return (await this.answers.next((a) => a.may !== undefined, { from })).may;
  }

  logged(text, options = {}) { return this.log.next((line) => JSON.stringify(line).includes(text), { what: text, ...options }); }
  countLogged(text) { return this.log.items.filter((line) => JSON.stringify(line).includes(text)).length; }

  async stop() {
    this.child.stdin.end();
    const { code, signal, log } = await within(15000, 'end of the driver', this.exit);
    assertNoSanitizerReport(log);
    assert.deepEqual([code, signal], [0, null], log);
    return log;
  }
}

const listOf = (value) => (Array.isArray(value) ? value.join(' ') : String(value));

export function start(t, options, { timeout = 10000 } = {}) {
  const child = spawn(DRIVER, Object.entries(options).map(([name, value]) => `${name}=${listOf(value)}`),
    { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, WSHUB_JWT_TIMEOUT: String(timeout) } });
  const driver = new Driver(child);
  atEnd(t, () => driver.stop());
  return driver;
}

// What it says against options that it does not take.
export async function refused(options) {
  const child = spawn(DRIVER, Object.entries(options).map(([name, value]) => `${name}=${listOf(value)}`), { stdio: ['pipe', 'pipe', 'pipe'] });
  const driver = new Driver(child);
  child.stdin.end();
  const { code, log } = await within(15000, 'end of the driver', driver.exit);
  assertNoSanitizerReport(log);
  assert.equal(code, 1, `taken: ${JSON.stringify(options)}\n${log}`);
  return log;
}

// An issuer's JWK Set on loopback. `answer(response, count)` says what each request gets; keys() what is published.
export class Issuer {
  constructor(server) {
    this.server = server;
    this.requests = 0;
    this.arrived = new Inbox('requests at the issuer');
    this.keys = [];
    this.answer = null;
  }

  publish(...keys) { this.keys = keys; }

  handle(request, response) {
    this.requests++;
    this.arrived.push(this.requests);
    if (this.answer) return this.answer(response, request);
    this.good(response);
  }

  good(response) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys: this.keys.map((key) => key.jwk ?? key) }));
  }

  request(count) { return this.arrived.next((n) => n >= count, { deadline: 15000, what: `request ${count}` }); }
  get url() { return `${this.scheme}://127.0.0.1:${this.port}/jwks.json`; }

  async listen(port = 0) {
    await new Promise((done, failed) => this.server.on('error', failed).listen(port, '127.0.0.1', done));
    this.port = this.server.address().port;
  }

  close() {
    return new Promise((done) => {
      this.server.close(done);
      this.server.closeAllConnections();
    });
  }

  // `tls`: { cert, key } as PEM.
  static async start(t, tls) {
    const issuer = new Issuer(null);
    const handle = (request, response) => issuer.handle(request, response);
    issuer.server = tls ? https.createServer(tls, handle) : http.createServer(handle);
    issuer.scheme = tls ? 'https' : 'http';
    await issuer.listen();
    atEnd(t, () => issuer.server.listening ? issuer.close() : undefined);
    return issuer;
  }
}
