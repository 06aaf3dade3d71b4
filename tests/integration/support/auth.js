// SPDX-License-Identifier: MIT
// A hub whose clients tests/plugins/auth_table.c lets in: what it answers is written here, line by line, and may be
// written anew at any time.
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from './client.js';
import { BIN, start } from './hub.js';
import { Raw, handshake } from './raw.js';
import { until, within } from './wait.js';

export const PLUGINS = join(dirname(BIN), 'tests/plugins/good');

export class Table {
  constructor(t, lines = []) {
    this.directory = mkdtempSync(join(tmpdir(), 'wshub-auth-'));
    this.file = join(this.directory, 'table');
    t.after(() => rmSync(this.directory, { recursive: true, force: true }));
    this.say(...lines);
  }

  // From the next question on. At once or not at all: the plugin may be reading.
  say(...lines) {
    writeFileSync(this.file + '.new', lines.map((line) => line + '\n').join(''));
    renameSync(this.file + '.new', this.file);
  }
}

// Starts a hub with one such plugin, or with as many as there are lists of lines in `tables`.
// `options`: of start.
export async function startAuth(t, lines, { tables = [lines], options = {}, ...config } = {}) {
  const made = tables.map((one) => new Table(t, one));
  const hub = await start({
    plugin_path: [PLUGINS],
    auth: made.map(({ file }, i) => ({ plugin: 'auth_table', name: `table-${i}`, options: { file } })),
    ...config,
  }, { t, ...options });
  hub.tables = made;
  hub.table = made[0];
  // What the plugins say that they were asked: authenticate, refresh or authorize, with what they saw.
  hub.asked = (slot) => hub.log.items.map((r) => r.event).filter((e) => e?.startsWith(slot));
  hub.askedFor = (slot, count = 1) => until(5000, `${slot}, ${count} times`, () => hub.asked(slot).length >= count && hub.asked(slot));
  return hub;
}

// A client that is closing, or will be, so that nobody waits for its welcome.
export function attempt(t, hub, { path = '/ws', ...options } = {}) {
  const client = new Client(hub.url.replace(/^http/, 'ws') + path, options);
  t.after(() => client.ws.terminate());
  return client;
}

// What a client that is no browser gets: { status, headers, json }.
export async function refusal(hub, { path, headers } = {}) {
  const raw = await Raw.connect(hub.port);
  raw.send(handshake({ host: `127.0.0.1:${hub.port}`, path, headers }));
  return raw.answer();
}

// What a browser gets: the events before the close, and the close.
export async function told(t, hub, options) {
  const client = attempt(t, hub, { origin: hub.url, ...options });
  const end = await within(15000, () => `a close behind ${client.frames.items.map((f) => f.text)}`, client.closed);
  return { events: client.frames.items.map((f) => f.json), code: end.code, reason: end.reason };
}

export const bearer = (token) => ({ headers: { Authorization: `Bearer ${token}` } });

export function assertFrames(client, expected) {
  assert.deepEqual(client.frames.items.map((f) => f.json), expected);
}
