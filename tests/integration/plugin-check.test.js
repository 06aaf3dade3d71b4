// SPDX-License-Identifier: MIT
// wshub plugin-check: its command line, its reports and its exit codes (0 conforms, 1 does not, 2 used or configured
// wrongly). What its cases find is tests/check.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { BIN, ROOT, run } from './support/hub.js';

const PLUGINS = join(dirname(BIN), 'tests/plugins');
const LOOPBACK = join(PLUGINS, 'good/loopback.so');
const VERDICTS = ['pass', 'warning', 'skipped', 'fail', 'crashed'];
const LONG = { deadline: 100000 }; // all cases of a group, in a sanitizer's build

const directory = mkdtempSync(join(tmpdir(), 'wshub-plugin-check-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function file(text) {
  const path = join(directory, `${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}

const LOOPBACK_CONFIG = file('options: {owner: somebody}\n');

const check = (...args) => run(['plugin-check', ...args], LONG);

// Exit code 2, nothing on standard output, and this on standard error.
async function refused(args, pattern) {
  const end = await check(...args);
  assert.equal(end.code, 2, `${args.join(' ')}: ${end.stdout}${end.stderr}`);
  assert.equal(end.stdout, '', args.join(' '));
  assert.match(end.stderr, pattern, args.join(' '));
}

// ---- the command line ----------------------------------------------------------------------------------------------

test('--help explains itself, --version names the program', async () => {
  const help = await check('--help');
  assert.equal(help.code, 0);
  assert.match(help.stdout, /wshub plugin-check \[OPTION\.\.\.\] PLUGIN/);
  for (const option of ['config', 'in-process', 'json', 'list', 'only', 'seed']) assert.match(help.stdout, new RegExp(`--${option}\\b`));
  const version = await check('--version');
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^wshub-plugin-check \d+\.\d+\.\d+/);
});

test('--list prints every case with its group and what it is about, and needs no plugin', async () => {
  const end = await check('--list');
  assert.equal(end.code, 0);
  const lines = end.stdout.trimEnd().split('\n');
  const names = lines.map((line) => line.split(/\s+/)[1]);
  assert.ok(lines.length > 30, end.stdout);
  assert.equal(new Set(names).size, names.length);
  for (const line of lines) assert.match(line, /^(library|contract|semantics|faults|auth) +[a-z0-9-]+ +\S.* \S+$/);
  assert.match(end.stdout, /\(needs .*history.*\)/);
  assert.match(end.stdout, /\(needs .*broker\.stop.*\)/);
  assert.match(end.stdout, /\(needs .*backend\.stop.*\)/);
});

test('a wrong command line exits 2 and says what was found and what is expected', async () => {
  await refused([], /say which plugin/);
  await refused(['memory', 'redis'], /one plugin at a time/);
  await refused(['memory', '--only', 'libary'], /found no case 'libary', expected library perhaps/);
  await refused(['memory', '--only', 'zzzzzzzzzz'], /found no case 'zzzzzzzzzz', expected one of --list/);
  await refused(['memory', '--seed', 'seven'], /found the seed 'seven', expected a whole number/);
  await refused(['memory', '--seed', '-1'], /found the seed '-1', expected a whole number/);
  await refused(['memory', '--seed', '18446744073709551616'], /expected a whole number below 2\^64/);
  await refused(['memory', '--in-process'], /say which with --only/);
  await refused(['memory', '--in-process', '--only', 'library'], /expected the name of a case/);
  await refused(['memory', '--frobnicate'], /frobnicate/);
});

test('a plugin that is not there exits 2', async () => {
  await refused(['memry'], /^found "memry", expected memory perhaps/);
  await refused([join(directory, 'none.so')], /none\.so: found no file .*expected a plugin/);
  await refused(['none.so'], /^\.\/none\.so: found no file/);
  await refused([directory + '/'], /found a folder, expected a plugin/);
});

test('a plugin that cannot be loaded exits 1, with the line of the loader', async () => {
  for (const [name, pattern] of [['no-entry', /found no wshub_plugin_entry, expected this function/], ['no-publish', /found no slot publish/]]) {
    const end = await check(join(PLUGINS, `broken/${name}.so`));
    assert.equal(end.code, 1, end.stderr);
    assert.equal(end.stdout, '');
    assert.match(end.stderr, pattern);
    assert.equal(end.stderr.trimEnd().split('\n').length, 1);
  }
});

test('without the program beside it, wshub says where it comes from', () => {
  const lonely = join(directory, 'wshub');
  copyFileSync(BIN, lonely);
  const end = spawnSync(lonely, ['plugin-check', 'memory'], { encoding: 'utf8' });
  assert.equal(end.status, 2);
  assert.match(end.stderr, /wshub-plugin-check: found no program .*it is installed with the SDK/);
});

// ---- the documentation ------------------------------------------------------------------------------------------

function rows(list) {
  const lines = list.trimEnd().split('\n').map((line) => line.match(/^(\S+) +(\S+) +(.*?)(?: {2}\(needs (.*)\))?$/));
  const cell = (text) => (text ?? '').replaceAll('|', '\\|');
  const code = (text) => text.replace(/[a-z_]+[._][a-z_]+/g, '`$&`');
  return ['| group | case | what is true of a plugin that passes | needs |', '|---|---|---|---|',
    ...lines.map(([, group, name, about, needs]) => `| ${group} | \`${name}\` | ${cell(about)} | ${needs ? code(cell(needs)) : ''} |`)];
}

// WSHUB_UPDATE_DOCS=1 writes what it would compare with.
test('docs/plugin-check.md has every case', async () => {
  const path = join(ROOT, 'docs/plugin-check.md');
  const text = readFileSync(path, 'utf8');
  const parts = text.match(/^([^]*<!-- cases: [^\n]*-->\n)([^]*)(<!-- end of cases -->\n)$/);
  assert.ok(parts, 'the marks are there');
  const table = `${rows((await check('--list')).stdout).join('\n')}\n`;
  if (process.env.WSHUB_UPDATE_DOCS) writeFileSync(path, parts[1] + table + parts[3]);
  else assert.equal(parts[2], table, 'run it with WSHUB_UPDATE_DOCS=1');
});

// ---- the configuration ---------------------------------------------------------------------------------------------

test('a wrong configuration exits 2, with file, line and column', async () => {
  await refused(['memory', '--config', join(directory, 'none.yaml')], /none\.yaml: found no readable file/);
  const unknown = file('options: {}\nbrokr: {}\n');
  await refused(['memory', '--config', unknown], new RegExp(`^${unknown}:2:1: brokr: found an unknown key, expected broker perhaps\n$`));
  const option = file('options:\n  depth: 3\n');
  await refused(['memory', '--config', option], new RegExp(`^${option}:2:10: options\\.depth: found an unknown option, expected one of last_values, history`));
  const address = file('broker: {address: nowhere}\n');
  await refused(['memory', '--config', address], /:1:19: broker\.address: found "nowhere", expected HOST:PORT/);
  await refused([LOOPBACK], /^without --config: options: found no owner, expected a text \(whose it is\)\n$/);
  const short = file('options:\n  owner: me\n  secret: short\n');
  await refused([LOOPBACK, '--config', short], new RegExp(`^${short}:3:11: options\\.secret: found \\(secret\\), expected at least 8 letters\n$`));
  const unset = file('options: {url: "${BROKER}"}\n');
  await refused(['memory', '--config', unset], /found \$\{BROKER\}, expected it to be set/);
});

test('a wrong request of an auth plugin exits 2, with file, line and column', async () => {
  const good = join(PLUGINS, 'bad-auth/good.so');
  const refusedAt = (text, pattern) => refused([good, '--config', file(text)], pattern);
  await refusedAt('requests:\n  - {token: x}\n', /:2:5: requests\[0\]: found no expect, expected one of yes, no, expired, pass, failure/);
  await refusedAt('requests: [{expect: maybe}]\n', /requests\[0\]\.expect: found "maybe", expected one of yes, no/);
  await refusedAt('requests: [{expect: no, tokn: x}]\n', /requests\[0\]\.tokn: found an unknown key, expected requests\[0\]\.token perhaps/);
  await refusedAt('requests: [{expect: no, source: hat}]\n', /source: found "hat", expected one of header, query, cookie, subprotocol, message/);
  await refusedAt('requests: [{expect: no, headers: [a]}]\n', /headers: found a list, expected a map of names and texts/);
  await refusedAt('authorize: [{expect: no, name: a}]\n', /authorize\[0\]: found no verb, expected one of subscribe, publish/);
  await refusedAt('reload: {spoil: "true"}\n', /reload: found no restore, expected the command that undoes spoil/);
  await refusedAt('broker: {}\nbackend: {}\n', /backend: found both, expected broker of a broker plugin, or backend of an auth plugin/);
});

// ---- reports -------------------------------------------------------------------------------------------------------

test('a plugin that conforms exits 0; a line for each case, and a sum', async () => {
  const end = await check(LOOPBACK, '--config', LOOPBACK_CONFIG, '--only', 'library', '--seed', '7');
  assert.equal(end.code, 0, end.stdout + end.stderr);
  assert.equal(end.stderr, '');
  const lines = end.stdout.trimEnd().split('\n');
  assert.match(lines.shift(), /^plugin loopback \S+ \(.*loopback\.so\), ABI 1\.\d, .*, seed 7$/);
  assert.match(lines.pop(), /^pass \d+, warning \d+, skipped \d+, fail 0, crashed 0$/);
  assert.ok(lines.length > 5);
  for (const line of lines.filter((each) => !each.startsWith('    '))) assert.match(line, /^ {2}library +[a-z0-9-]+ +(pass|warning|skipped) +\d+\.\d\d s/);
  assert.ok(!end.stdout.includes('\x1b'), 'colours are for a terminal');
});

test('--json is one object', async () => {
  const end = await check(LOOPBACK, '--config', LOOPBACK_CONFIG, '--only', 'library', '--only', 'two-at-once', '--seed', '7', '--json');
  assert.equal(end.code, 0, end.stdout + end.stderr);
  const report = JSON.parse(end.stdout);
  assert.deepEqual(Object.keys(report), ['plugin', 'seed', 'cases', 'counts']);
  assert.equal(report.plugin.name, 'loopback');
  assert.match(report.plugin.abi, /^1\.\d$/);
  assert.ok(report.plugin.capabilities.includes('ordered'));
  assert.equal(report.seed, 7);
  assert.deepEqual(Object.keys(report.counts), VERDICTS);
  for (const verdict of VERDICTS) assert.equal(report.counts[verdict], report.cases.filter((one) => one.verdict === verdict).length);
  assert.deepEqual([...new Set(report.cases.map((one) => one.group))], ['library', 'contract']);
  for (const one of report.cases) {
    assert.ok(one.about.length > 0 && one.name.length > 0);
    assert.ok(Array.isArray(one.figures) && one.milliseconds >= 0);
    if (one.verdict === 'skipped') assert.ok(one.text.length > 0, 'a reason');
  }
});

// Names of files are bytes; JSON is UTF-8.
test('--json is JSON for a plugin whose path is not UTF-8', () => {
  const folder = Buffer.concat([Buffer.from(`${directory}/a`), Buffer.from([0xFF]), Buffer.from('b')]);
  mkdirSync(folder);
  copyFileSync(LOOPBACK, Buffer.concat([folder, Buffer.from('/loopback.so')]));
  const script = `exec "$0" plugin-check "$1"/a*b/loopback.so --config "$2" --only exports-one-symbol --json`;
  const end = spawnSync('sh', ['-c', script, BIN, directory, LOOPBACK_CONFIG]);
  assert.equal(end.status, 0, `${end.stdout}${end.stderr}`);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(end.stdout);
  assert.match(JSON.parse(text).plugin.file, /a\?b\/loopback\.so$/);
});

test('no line is wider than a terminal, but for names of files', async () => {
  const end = await check(join(PLUGINS, 'bad/completes-twice.so'), '--only', 'contract');
  const wide = end.stdout.split('\n').slice(1).filter((line) => line.length > 80);
  assert.deepEqual(wide, []);
});

test('an auth plugin has the cases of brokers in a line for each group', async () => {
  const end = await check(join(PLUGINS, 'bad-auth/good.so'), '--only', 'faults', '--only', 'auth-decides', '--only', 'newer-host');
  assert.equal(end.code, 0, end.stdout + end.stderr);
  assert.match(end.stdout, /^plugin good .*, ABI 1\.\d, auth, seed/);
  assert.match(end.stdout, /\n {2}faults +\d+ +cases +skipped\n {8}it is about brokers, and the plugin is an auth plugin\n/);
  assert.match(end.stdout, /auth-decides +skipped .*\n {8}the configuration does not say requests\n/);
  const json = JSON.parse((await check('memory', '--only', 'auth', '--json')).stdout);
  assert.ok(json.cases.length > 30);
  for (const one of json.cases) assert.match(one.text, /about auth plugins/);
});

test('a seed is chosen and told, and it is another one each time', async () => {
  const seeds = [];
  for (let i = 0; i < 2; i++) seeds.push(JSON.parse((await check('memory', '--only', 'two-at-once', '--json')).stdout).seed);
  assert.notEqual(seeds[0], seeds[1]);
});

test('a plugin that does not conform exits 1, and its failure is told below its line', async () => {
  const bad = join(PLUGINS, 'bad/completes-twice.so');
  const end = await check(bad, '--only', 'completes-once');
  assert.equal(end.code, 1, end.stdout + end.stderr);
  assert.match(end.stdout, / {2}contract +completes-once +fail .*\n {8}complete was called for token .*already/);
  assert.match(end.stdout, /fail 1, crashed 0\n$/);
  const json = JSON.parse((await check(bad, '--only', 'completes-once', '--json')).stdout);
  assert.equal(typeof json.cases[0].wrote, 'string');
});

test('a plugin that prints at once is told so by its case, not refused', async () => {
  const end = await check(join(PLUGINS, 'bad/entry-prints.so'), '--only', 'writes-nothing');
  assert.equal(end.code, 1, end.stdout + end.stderr);
  assert.match(end.stdout, /^plugin entry-prints .*\n.* fail .*\n {8}wrote to stdout: "hello/);
});

test('--in-process runs one case without a process of its own', async () => {
  const good = await check('memory', '--only', 'two-at-once', '--in-process', '--json');
  assert.equal(good.code, 0, good.stderr);
  assert.deepEqual(JSON.parse(good.stdout).cases.map((one) => one.verdict), ['pass']);
  const bad = await check(join(PLUGINS, 'bad/completes-twice.so'), '--only', 'completes-once', '--in-process');
  assert.equal(bad.code, 1, bad.stderr);
  assert.match(bad.stdout, /completes-once +fail/);
});
