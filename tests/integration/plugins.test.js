// SPDX-License-Identifier: MIT
// P10: a plugin that is missing, of another ABI, misconfigured or broken gives one clear line: where, found, expected,
// what to do. The plugins are those of tests/plugins.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, test } from 'node:test';
import { connectMany } from './support/client.js';
import { BIN, ROOT, logfmt, run, start, yaml } from './support/hub.js';

const PLUGINS = join(dirname(BIN), 'tests/plugins');
const GOOD = join(PLUGINS, 'good');
const BROKEN = join(PLUGINS, 'broken');
const LOOPBACK = join(GOOD, 'loopback.so');
const BARE = join(dirname(BIN), 'tests/abi/v1_1.so'); // has no options, and keeps histories and last values
const DOORMAN = join(dirname(BIN), 'tests/abi/v1_2.so'); // an auth plugin

const directory = mkdtempSync(join(tmpdir(), 'wshub-plugins-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function file(text) {
  const path = join(directory, `${++files}.yaml`);
  writeFileSync(path, typeof text === 'string' ? text : yaml(text));
  return path;
}

function folder(...copies) {
  const path = join(directory, `folder-${++files}`);
  mkdirSync(path);
  for (const [from, to] of copies) copyFileSync(from, join(path, to));
  return path;
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// `expected`: the lines that both verbs print, each a text or a RegExp for the whole line, behind "FILE:". `check` adds
// how many there were.
async function refused(path, expected) {
  for (const verb of ['check', 'serve']) {
    const end = await run([verb, '-c', path]);
    assert.equal(end.code, 2, `${verb}: ${end.stderr}`);
    assert.equal(end.stdout, '', verb);
    const lines = end.stderr.trimEnd().split('\n');
    if (verb === 'check') assert.equal(lines.pop(), `${expected.length} error${expected.length === 1 ? '' : 's'}`);
    assert.equal(lines.length, expected.length, end.stderr);
    for (const [i, one] of expected.entries()) {
      const pattern = one instanceof RegExp ? one.source : escaped(one);
      assert.match(lines[i], new RegExp(`^${escaped(path)}:${pattern}$`), verb);
    }
  }
}

// `brokers:` on line 1, the plugin at 2:13, options from 4:7 on.
const listed = (list, plugin, ...options) =>
  `${list}:\n  - plugin: ${plugin}\n    options:\n${options.map((o) => `      ${o}\n`).join('')}`;
const configured = (plugin, ...options) => listed('brokers', plugin, ...options);
const authConfigured = (plugin, ...options) => listed('auth', plugin, ...options);

// ---- a plugin that is not taken ------------------------------------------------------------------------------------

const slot = (name) => `found no slot ${name}, expected open, close, subscribe, unsubscribe and publish: implement it`;
const newer = "run a newer hub, or rebuild the plugin with this hub's SDK";

// What each of tests/plugins/broken is refused with, behind the path of its file.
const refusals = {
  'no-entry': 'found no wshub_plugin_entry, expected this function: define it as wshub/plugin.h has it, and export it',
  'null-entry': 'found that wshub_plugin_entry returns NULL, expected a descriptor: return the address of a constant',
  'undefined-symbol': 'found what cannot be loaded (undefined symbol: somebody_else_has_this), expected a shared object with ' +
    'all that it needs: build it for this machine, and link it with its libraries',
  'wrong-magic': 'found magic 0x12345678, expected 0x62757377: begin the descriptor with WSHUB_PLUGIN_MAGIC',
  'newer-major': RegExp(`found ABI 2\\.0, expected 1\\.0 to 1\\.\\d+: ${newer}`),
  'older-major': /found ABI 0\.0, expected 1\.0 to 1\.\d+: rebuild the plugin with this hub's SDK/,
  'newer-minor': RegExp(`found ABI 1\\.\\d+, expected 1\\.0 to 1\\.\\d+: ${newer}`),
  'short-struct': /found a descriptor of \d+ bytes, expected at least \d+: set struct_size to sizeof\(struct wshub_plugin\)/,
  'unknown-flags': 'found flags 0x4, expected 0: run a newer hub, or set no flags',
  'no-name': 'found nothing as its name, expected 1 to 64 of a-z 0-9 _ -: name the plugin like its file',
  'odd-name': 'found "Odd Name" as its name, expected 1 to 64 of a-z 0-9 _ -: name the plugin like its file',
  'other-name': 'found the name "another", expected that of its file: rename the file to another.so',
  'no-table': 'found neither a broker nor auth, expected one of them: point `broker` or `auth` to its table',
  'short-broker': /found a broker of \d+ bytes, expected at least \d+: set its struct_size to sizeof\(struct wshub_broker\)/,
  'no-open': slot('open'),
  'no-close': slot('close'),
  'no-subscribe': slot('subscribe'),
  'no-unsubscribe': slot('unsubscribe'),
  'no-publish': slot('publish'),
  'no-registry': 'found no slot registry_set behind WSHUB_BROKER_REGISTRY, expected registry_set, registry_delete, ' +
    'registry_get, registry_list and heartbeat: implement it, or do not claim the capability',
  'no-history': 'found no slot history behind WSHUB_BROKER_HISTORY, expected history: implement it, or do not claim the ' +
    'capability',
  'no-option-table': 'found 2 options without a table, expected 0 to 256 and a table of them: correct option_count',
  'too-many-options': 'found 4294967295 options, expected 0 to 256 and a table of them: correct option_count',
  'short-option': /found options of \d+ bytes, expected at least \d+: set option_size to sizeof\(struct wshub_option\)/,
  'option-without-name': 'found nothing as the name of option 2, expected 1 to 64 of a-z 0-9 _: rename it in the plugin',
  'option-odd-name': 'found "The Mode" as the name of option 2, expected 1 to 64 of a-z 0-9 _: rename it in the plugin',
  'option-twice': 'found option "size" twice, expected once: rename one of them in the plugin',
  'option-unknown-type': 'found option "mode" of type 77, expected one of enum wshub_option_type: correct it, or ask for the ' +
    'ABI that has this type',
  'option-without-words': 'found option "mode" without its words, expected such as "one|two": name them in `words`',
  'option-bad-words': 'found option "mode" without its words, expected such as "one|two": name them in `words`',
  'option-bad-range': 'found option "size" from 2097152 to 1048576, expected `low` to be at most `high`: correct the range',
  'option-bad-fallback': 'found fallback "4GiB" of option "size", expected a size such as 64KiB, from 1KiB to 1MiB: correct ' +
    'the fallback in the plugin',
};

const authSlot = (name) => `found no slot ${name} for auth, expected open, close and authenticate: implement it`;

// The auth plugins among them.
const authRefusals = {
  'auth-no-open': authSlot('open'),
  'auth-no-close': authSlot('close'),
  'auth-no-authenticate': authSlot('authenticate'),
  'auth-short': 'found an auth table of 56 bytes, expected at least 64: set its struct_size to sizeof(struct wshub_auth)',
  'auth-unknown-flags': 'found flags 0x8 of its auth table, expected 0: run a newer hub, or set no flags',
  'auth-older-struct': refusals['no-table'],
};

// These are loaded; what is wrong with them shows later.
const later = ['check-refuses', 'check-refuses-unknown', 'open-fails', 'open-hangs', 'open-never-settles'];
const authLater = ['auth-check-refuses', 'auth-open-fails', 'auth-open-hangs', 'auth-close-hangs'];

for (const [list, each] of [['brokers', refusals], ['auth', authRefusals]]) {
  for (const [name, why] of Object.entries(each)) {
    test(`P10: ${name} is refused in one line, by check and by serve`, async () => {
      const path = join(BROKEN, `${name}.so`);
      const pattern = why instanceof RegExp ? why.source : escaped(why);
      await refused(file(listed(list, path)), [RegExp(`2:13: ${list}\\[0\\]\\.plugin: ${escaped(path)}: ${pattern}`)]);
    });
  }
}

test('P10: a plugin under the wrong key is refused in one line', async () => {
  const under = (name, kind, list) => `found plugin ${name}, which is not ${kind}, expected one: list it under \`${list}\`, or name ` +
    'another (wshub plugins lists them)';
  await refused(file(configured(DOORMAN)), [`2:13: brokers[0].plugin: ${under('v1_2', 'a broker', 'auth')}`]);
  await refused(file(authConfigured('memory')), [`2:13: auth[0].plugin: ${under('memory', 'an auth plugin', 'brokers')}`]);
  await refused(file(`${authConfigured(DOORMAN)}${configured(DOORMAN)}`),
    [`5:13: brokers[0].plugin: ${under('v1_2', 'a broker', 'auth')}`]);
  await refused(file(`brokers: [{plugin: ${DOORMAN}}]\nauth: [{plugin: ${LOOPBACK}}, {plugin: ${DOORMAN}}, {plugin: /nowhere.so}]\n`), [
    `1:20: brokers[0].plugin: ${under('v1_2', 'a broker', 'auth')}`,
    `2:17: auth[0].plugin: ${under('loopback', 'an auth plugin', 'brokers')}`,
    /2:\d+: auth\[2\]\.plugin: \/nowhere\.so: found no file .*/,
  ]);
});

test('every broken plugin has its test', () => {
  const sources = readdirSync(join(ROOT, 'tests/plugins/broken')).filter((n) => n.endsWith('.c')).map((n) => n.slice(0, -2));
  const known = [refusals, authRefusals].flatMap((each) => Object.keys(each));
  assert.deepEqual(sources.sort(), [...known, ...later, ...authLater].sort());
});

test('P10: a file that is not there, a folder, and what is no shared object', async () => {
  const text = join(folder(), 'text.so');
  writeFileSync(text, 'not a shared object, although it is long enough to be looked at as if it were one, byte after byte\n');
  for (const [path, why] of [
    ['/nowhere/mine.so', 'found no file (No such file or directory), expected a plugin: correct the path'],
    [directory, 'found a folder, expected a plugin: name its .so'],
    ['/dev/null', 'found no regular file, expected a plugin: name its .so'],
    [text, 'found what cannot be loaded (invalid ELF header), expected a shared object with all that it needs: build it ' +
      'for this machine, and link it with its libraries'],
  ]) await refused(file(configured(path)), [`2:13: brokers[0].plugin: ${path}: ${why}`]);
});

test('P10: an unknown name is answered with the nearest, or with all, and with where it was looked for', async () => {
  const empty = folder();
  const searched = `: correct the name, or set plugin_path to the folder of its .so, which is not in ${empty}, ` +
    `${join(dirname(BIN), 'plugins')}, `;
  for (const [name, expected] of [['memroy', 'memory perhaps'], ['carrier-pigeon', 'jwt or memory']]) {
    const path = file(`plugin_path: ${empty}\nbrokers:\n  - name: main\n    plugin: ${name}\n`);
    const end = await run(['check', '-c', path]);
    assert.equal(end.code, 2);
    const start = `${path}:4:13: brokers[0].plugin: found "${name}", expected ${expected}`;
    assert.ok(end.stderr.startsWith(start), end.stderr);
    assert.ok(end.stderr.includes(searched), end.stderr);
    assert.match(end.stderr, /\/wshub\/plugins\n1 error\n$/);
  }
});

// ---- a plugin's options --------------------------------------------------------------------------------------------

test('options: each that is wrong is told at its place, all at once', async () => {
  await refused(file(configured(LOOPBACK, 'mode: wild', 'verbose: maybe', 'retries: 11', 'delay: 250', 'patience: 10ms',
    'room: 1 KiB', 'greting: hi', 'frequency: 5')), [
    '2:5: brokers[0].options: found no owner, expected a text (whose it is)',
    '4:13: brokers[0].options.mode: found "wild", expected one of calm, brisk',
    '5:16: brokers[0].options.verbose: found "maybe", expected true or false',
    '6:16: brokers[0].options.retries: found "11", expected a whole number, from 1 to 10',
    '7:14: brokers[0].options.delay: found "250", expected a duration such as 10s, from 0s to 1h',
    '8:17: brokers[0].options.patience: found "10ms", expected a duration such as 10s, from 1s to 1h',
    '9:13: brokers[0].options.room: found "1 KiB", expected a size such as 64KiB, from 1KiB to 1MiB',
    '10:16: brokers[0].options.greting: found an unknown option, expected greeting perhaps',
    '11:18: brokers[0].options.frequency: found an unknown option, expected one of greeting, mode, verbose, retries, delay, ' +
      'patience, room, owner, secret, pin',
  ]);
});

test('options: a plugin that has none takes none', async () => {
  await refused(file(configured(BARE, 'url: here')),
    ['4:12: brokers[0].options.url: found an unknown option, expected none: plugin v1_1 has none']);
});

test('options: no error shows a secret, nor what came from the environment', async () => {
  const path = file(configured(LOOPBACK, 'owner: me', 'pin: 12345', 'retries: "${WSHUB_TEST_RETRIES}"'));
  for (const verb of ['check', 'serve']) {
    const end = await run([verb, '-c', path], { env: { WSHUB_TEST_RETRIES: '67890' } });
    assert.equal(end.code, 2);
    assert.match(end.stderr, /:5:12: brokers\[0\]\.options\.pin: found \(secret\), expected a whole number, from 0 to 9999\n/);
    assert.match(end.stderr, /:6:16: brokers\[0\]\.options\.retries: found a value from \$\{WSHUB_TEST_RETRIES\}, expected /);
    assert.doesNotMatch(end.stderr, /12345|67890/);
  }
});

test('options: what the plugin itself refuses stands at the option, said or not, and shows no secret', async () => {
  const path = (...options) => file(configured(LOOPBACK, 'owner: me', ...options));
  await refused(path('delay: 2m'), ['5:14: brokers[0].options.delay: found "2m", expected at most `patience`']);
  await refused(path('secret: short'), ['5:15: brokers[0].options.secret: found (secret), expected at least 8 letters']);
});

test('options: a plugin that refuses without naming an option, or names one that it has not', async () => {
  await refused(file(configured(join(BROKEN, 'check-refuses.so'))), ['2:13: brokers[0].options: found what plugin check-refuses ' +
    'refuses, expected other options: it says "no two of them\\u000afit together"']);
  await refused(file(configured(join(BROKEN, 'check-refuses-unknown.so'))), ['2:5: brokers[0].plugin: found that plugin ' +
    'check-refuses-unknown refuses its option "colour", expected one that it declares']);
});

test('options: those of an auth plugin are told in the same way', async () => {
  await refused(file(authConfigured(DOORMAN, 'titel: me', 'delay: 2h')), [
    '4:14: auth[0].options.titel: found an unknown option, expected title perhaps',
    '5:14: auth[0].options.delay: found "2h", expected a duration such as 10s, from 0s to 1m',
  ]);
  await refused(file(authConfigured(DOORMAN, 'title: ""')),
    ['4:14: auth[0].options.title: found "", expected a text that is not empty']);
  const path = join(BROKEN, 'auth-check-refuses.so');
  await refused(file(`${configured('memory')}${authConfigured(path)}`),
    ['5:5: auth[0].options.realm: found "here", expected one that is not here']);
});

test('check: an auth plugin, by path and by name along plugin_path', async () => {
  for (const config of [
    { auth: [{ plugin: DOORMAN, options: { title: 'at the door', delay: '5ms' } }] },
    { auth: [{ plugin: 'v1_2' }, { name: 'again', plugin: 'v1_2' }], plugin_path: dirname(DOORMAN) },
  ]) {
    const end = await run(['check', '-c', file(config)]);
    assert.equal(end.code, 0, `${JSON.stringify(config)}: ${end.stderr}`);
  }
});

test('P10: the errors of every broker are told', async () => {
  const broken = join(BROKEN, 'wrong-magic.so');
  await refused(file(`brokers:\n  - {name: a, plugin: ${broken}}\n  - {name: b, plugin: ${LOOPBACK}}\n  - {name: c, plugin: memory}\n`), [
    `2:23: brokers[0].plugin: ${broken}: ${refusals['wrong-magic']}`,
    '3:5: brokers[1].options: found no owner, expected a text (whose it is)',
  ]);
});

// ---- what a rule asks of its broker --------------------------------------------------------------------------------

test('a rule that its broker cannot follow is refused, at its place and with the capability that it needs', async () => {
  const those = '; wshub plugins lists those that can)';
  const brokers = `brokers:\n  - {name: main, plugin: ${LOOPBACK}, options: {owner: me}}\n  - {name: old, plugin: memory}\n`;
  await refused(file(`${brokers}channels:\n  - match: "room:*"\n    publish: all\n    history: {size: 100, ttl: 10m}\n` +
    '  - {match: "tick:*", last_value: true}\n  - {match: "old:*", broker: old, last_value: true, history: {size: 1, ttl: 1s}}\n'), [
    `7:14: channels[0].history: found a channel of broker main (loopback), expected a broker that keeps history, or another one's name in history.via (capability history${those}`,
    `8:35: channels[1].last_value: found a channel of broker main (loopback), expected a broker that keeps the last value (capability last_value${those}`,
  ]);
  const both = file(`brokers: [{plugin: ${BARE}}]\nchannels: [{match: "*", last_value: true, history: {size: 100, ttl: 10m}}]\n`);
  const check = await run(['check', '-c', both]);
  assert.equal(check.code, 0, check.stderr);
});

test('a plugin that cannot be loaded is told, and no rule is held against it', async () => {
  await refused(file('brokers: [{plugin: /nowhere/mine.so}]\nchannels: [{match: "*", last_value: true}]\n'),
    ['1:20: brokers[0].plugin: /nowhere/mine.so: found no file (No such file or directory), expected a plugin: correct the path']);
});

// ---- a plugin that is taken ----------------------------------------------------------------------------------------

test('check: a path to somebody\'s own .so, absolute or relative, and a name along plugin_path', async () => {
  const options = { owner: 'me', mode: 'brisk', secret: 'long enough' };
  for (const config of [
    { brokers: [{ name: 'main', plugin: LOOPBACK, options }] },
    { brokers: [{ name: 'main', plugin: relative(process.cwd(), LOOPBACK), options }] },
    { brokers: [{ name: 'main', plugin: 'loopback', options }], plugin_path: GOOD },
    { brokers: [{ name: 'main', plugin: 'loopback', options }], plugin_path: ['nowhere', relative(process.cwd(), GOOD)] },
  ]) {
    const end = await run(['check', '-c', file(config)]);
    assert.equal(end.code, 0, `${JSON.stringify(config)}: ${end.stderr}`);
    assert.match(end.stdout, /: ok\n.*brokers: main \(.*loopback/);
  }
});

test('plugin_path: the first folder that has the file decides, even if that one is broken; built-in names come first', async () => {
  const broken = folder([join(BROKEN, 'wrong-magic.so'), 'loopback.so'], [join(BROKEN, 'wrong-magic.so'), 'memory.so']);
  const config = (...path) => file({ plugin_path: path, brokers: [{ name: 'main', plugin: 'loopback', options: { owner: 'me' } }] });
  assert.equal((await run(['check', '-c', config(GOOD, broken)])).code, 0);
  const end = await run(['check', '-c', config(broken, GOOD)]);
  assert.equal(end.code, 2);
  assert.ok(end.stderr.includes(`${join(broken, 'loopback.so')}: found magic`), end.stderr);
  assert.equal((await run(['check', '-c', file({ plugin_path: broken })])).code, 0, 'memory is built in');
});

// ---- wshub plugins -------------------------------------------------------------------------------------------------

test('plugins: lists what is found, with kind, version, ABI and capabilities', async () => {
  const end = await run(['plugins', '-c', file({ plugin_path: GOOD })]);
  assert.equal(end.code, 0, end.stderr);
  const rows = end.stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows[0], ['NAME', 'KIND', 'VERSION', 'ABI', 'CAPABILITIES', 'FILE']);
  assert.deepEqual(rows.find((row) => row[0] === 'loopback'), ['loopback', 'broker', '1.2.3', '1.0', 'ordered', LOOPBACK]);
  const memory = rows.find((row) => row[0] === 'memory');
  assert.equal(memory[1], 'broker');
  assert.match(memory[4], /\bordered\b/);
  assert.equal(memory[5], 'built in');
  assert.deepEqual(rows.slice(1).map((row) => row[0]), rows.slice(1).map((row) => row[0]).sort());
  const starts = (line) => ['KIND', 'VERSION', 'ABI', 'CAPABILITIES', 'FILE'].map((title) => line.indexOf(title));
  const [first, ...others] = end.stdout.trimEnd().split('\n');
  for (const line of others) for (const start of starts(first)) assert.match(line.slice(start - 2, start + 1), /^ {2}\S$/, line);
});

test('plugins: what is broken is said on standard error, a line each, and harms nothing', async () => {
  const end = await run(['plugins', '-c', file({ plugin_path: [BROKEN, GOOD, '/nowhere'] })]);
  assert.equal(end.code, 0);
  assert.match(end.stdout, /^loopback /m);
  for (const name of later) assert.match(end.stdout, RegExp(`^${name} +broker `, 'm'));
  for (const name of authLater) assert.match(end.stdout, RegExp(`^${name} +auth `, 'm'));
  const lines = end.stderr.trimEnd().split('\n');
  const wrong = [...Object.keys(refusals), ...Object.keys(authRefusals)];
  assert.equal(lines.length, wrong.length + 1, end.stderr);
  assert.equal(lines[0], '/nowhere: found no folder (No such file or directory), expected one: correct plugin_path');
  for (const name of wrong) {
    assert.ok(lines.some((line) => line.startsWith(`${join(BROKEN, name)}.so: found `)), name);
    assert.doesNotMatch(end.stdout, RegExp(`^${name} `, 'm'));
  }
});

test('plugins NAME: prints all of it, as a configuration with the defaults', async () => {
  for (const [args, plugin] of [[['plugins', 'loopback', '-c', file({ plugin_path: GOOD })], 'loopback'], [['plugins', LOOPBACK], LOOPBACK]]) {
    const end = await run(args);
    assert.equal(end.code, 0, end.stderr);
    assert.equal(end.stdout, `# loopback 1.2.3: what is published comes straight back
# kind: broker
# file: ${LOOPBACK}
# ABI: 1.0
# capabilities: ordered
# largest payload: 1MiB
brokers:
  - name: main
    plugin: ${plugin}
    options:
      greeting: "hello"           # what it logs when it is opened [text]
      mode: calm                  # how it does what it does [one of calm, brisk]
      verbose: false              # whether it says more [true or false]
      retries: 3                  # how often it would try again [number, 1 to 10]
      delay: 250ms                # at most \`patience\` [duration, 0s to 1h]
      patience: 1m                # how long it would wait [duration, 1s to 1h]
      room: 64KiB                 # how much it would keep [size, 1KiB to 1MiB]
      # owner:                    # whose it is [text] (required)
      # secret:                   # what nobody may see [text] (secret)
      # pin:                      # what nobody may see either [number, 0 to 9999] (secret)
`);
    const pasted = file(`plugin_path: ${GOOD}\n${end.stdout.replace('# owner: ', 'owner: me')}`);
    const check = await run(['check', '-c', pasted]);
    assert.equal(check.code, 0, check.stderr);
  }
});

test('plugins: an auth plugin is listed with its slots, and printed as an entry of auth', async () => {
  const list = await run(['plugins', '-c', file({ plugin_path: folder([DOORMAN, 'v1_2.so']) })]);
  assert.match(list.stdout, /^v1_2 +auth +1\.2 +1\.2 +refresh,authorize,reload +\S+\/v1_2\.so$/m);
  const end = await run(['plugins', DOORMAN]);
  assert.equal(end.stdout, `# v1_2 1.2: a doorman who believes everybody, written against ABI 1.2
# kind: auth
# file: ${DOORMAN}
# ABI: 1.2
# capabilities: refresh,authorize,reload
auth:
  - plugin: ${DOORMAN}
    options:
      title: "a doorman of 1.2"   # what it logs when it is opened [text]
      delay: 1ms                  # how late \`later\` is [duration, 0s to 1m]
`);
  const check = await run(['check', '-c', file(end.stdout)]);
  assert.equal(check.code, 0, check.stderr);
});

test('plugins NAME: without options, it can be pasted as well', async () => {
  for (const plugin of ['memory', BARE]) {
    const end = await run(['plugins', plugin]);
    assert.equal(end.code, 0, end.stderr);
    const check = await run(['check', '-c', file(end.stdout)]);
    assert.equal(check.code, 0, check.stderr);
  }
  assert.match((await run(['plugins', BARE])).stdout, /^# capabilities: ordered,history,last_value$/m);
});

test('plugins NAME: one that is unknown, not there or broken exits 2 with its line', async () => {
  for (const [name, expected] of [
    ['memroy', /^found "memroy", expected memory perhaps: [^\n]+\n$/],
    ['./nowhere.so', /^\.\/nowhere\.so: found no file [^\n]+\n$/],
    [join(BROKEN, 'wrong-magic.so'), /wrong-magic\.so: found magic [^\n]+\n$/],
  ]) {
    const end = await run(['plugins', name]);
    assert.equal(end.code, 2);
    assert.equal(end.stdout, '');
    assert.match(end.stderr, expected);
  }
});

test('plugins: a configuration that cannot be read, and two names, are wrong use', async () => {
  for (const [args, expected] of [
    [['plugins', '-c', join(directory, 'nowhere.yaml')], /nowhere\.yaml: found no readable file/],
    [['plugins', '-c', file('limts: {}\n')], /limts: found an unknown key/],
    [['plugins', 'memory', 'memory'], /one plugin at a time[\s\S]*--help/],
  ]) {
    const end = await run(args);
    assert.equal(end.code, 2);
    assert.equal(end.stdout, '');
    assert.match(end.stderr, expected);
  }
});

test('plugins: a configuration may name what is not there: only its plugin_path counts', async () => {
  const end = await run(['plugins', '-c', file({ plugin_path: GOOD, brokers: [{ name: 'main', plugin: 'nowhere' }] })]);
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /^loopback /m);
});

// ---- serve ---------------------------------------------------------------------------------------------------------

test('serve: somebody\'s own broker carries messages, by path and along plugin_path', async (t) => {
  const options = { owner: 'me', greeting: 'good morning' };
  for (const config of [
    { brokers: [{ name: 'main', plugin: LOOPBACK, options }] },
    { brokers: [{ name: 'main', plugin: 'loopback', options }], plugin_path: GOOD },
  ]) {
    const hub = await start(config, { t });
    await hub.event('good morning', { where: { broker: 'main' } });
    const [a, b] = await connectMany(t, hub, 2);
    await b.subscribe('room:1');
    await a.publish('room:1', { text: 'hello' });
    assert.deepEqual((await b.waitMessage('room:1')).data, { text: 'hello' });
    await b.unsubscribe('room:1');
    await hub.stop();
  }
});

test('serve: several brokers may have the same plugin, each with its options', async (t) => {
  const hub = await start({
    plugin_path: GOOD,
    brokers: ['one', 'two'].map((name) => ({ name, plugin: 'loopback', options: { owner: 'me', greeting: `I am ${name}` } })),
  }, { t });
  await hub.event('I am one', { where: { broker: 'one' } });
  await hub.event('I am two', { where: { broker: 'two' } });
});

for (const [name, what] of [['open-fails', 'fails'], ['open-never-settles', 'never says whether it is up'], ['open-hangs', 'never returns']]) {
  test(`P10: a plugin whose open ${what} ends the start within timeouts.broker, in one line`, async () => {
    const plugin = join(BROKEN, `${name}.so`);
    const path = file({ listen: '127.0.0.1:0', timeouts: { broker: '300ms' }, brokers: [{ name: 'main', plugin }] });
    const end = await run(['serve', '-c', path]);
    assert.equal(end.code, 1, end.stderr);
    const errors = end.stderr.trimEnd().split('\n').map(logfmt).filter((record) => record.level === 'error');
    assert.equal(errors.length, 1, end.stderr);
    const [{ event, broker, reason, ...fields }] = errors;
    assert.equal(event, 'broker cannot be opened');
    assert.equal(broker, 'main');
    assert.equal(fields.plugin, name);
    assert.equal(fields.file, plugin);
    assert.ok(reason.length > 0);
    assert.doesNotMatch(end.stderr, /event="?ready/);
  });
}

for (const [name, expected] of [
  ['auth-open-fails', 'open() answered -2: an argument that it cannot take'],
  ['auth-open-hangs', 'open() has not returned within 300 ms (timeouts.auth): it must not block'],
]) {
  test(`P10: ${name} ends the start in one line`, async () => {
    const plugin = join(BROKEN, `${name}.so`);
    const path = file({ listen: '127.0.0.1:0', timeouts: { auth: '300ms' }, auth: [{ name: 'door', plugin }] });
    const end = await run(['serve', '-c', path]);
    assert.equal(end.code, 1, end.stderr);
    const errors = end.stderr.trimEnd().split('\n').map(logfmt).filter((record) => record.level === 'error');
    assert.equal(errors.length, 1, end.stderr);
    const [{ event, auth, reason, ...fields }] = errors;
    assert.equal(event, 'auth plugin cannot be opened');
    assert.equal(auth, 'door');
    assert.equal(fields.plugin, name);
    assert.equal(fields.file, plugin);
    assert.equal(reason, expected);
    assert.doesNotMatch(end.stderr, /event="?ready/);
  });
}

test('P10: an auth plugin whose close never returns ends the process within timeouts.auth, in one line', async (t) => {
  const plugin = join(BROKEN, 'auth-close-hangs.so');
  const hub = await start({ timeouts: { auth: '300ms' }, auth: [{ name: 'door', plugin }] }, { t });
  hub.kill('SIGTERM');
  const line = await hub.event('auth plugin cannot be closed', { where: { auth: 'door' } });
  assert.equal(line.reason, 'close() has not returned within 300 ms (timeouts.auth): it must not block');
  await hub.stop({ code: 1 });
});
