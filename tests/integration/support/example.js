// SPDX-License-Identifier: MIT
// Plugins of examples/, as their users have them: copied out of the tree, and built against the installed SDK alone, with
// CMake and with make. With the sanitizers of the hub that shall load them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BIN, ROOT, run, yaml } from './hub.js';
import { within } from './wait.js';

const BUILD = dirname(BIN);
const FLAGS = { asan: '-fsanitize=address,undefined -fno-sanitize-recover=all', tsan: '-fsanitize=thread' };

// Runs it to its end, which must be good: what it said.
export function tool(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => { said += part; });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(said) : reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${said}`))));
  });
  return within(100000, () => `end of ${command} ${args.join(' ')}: ${said}`, ended).finally(() => { if (child.exitCode === null) child.kill('SIGKILL'); });
}

export const PROFILE = /^WSHUB_PROFILE:\w+=(.*)$/m.exec(readFileSync(join(BUILD, 'CMakeCache.txt'), 'utf8'))?.[1];

// What the plugins of a hub with sanitizers are built with.
export function profileFlags() {
  return FLAGS[PROFILE] ?? '';
}

// The SDK as it is installed, and nothing else: the path of its wshub-sdk.pc.
export async function installSdk(prefix) {
  await tool('cmake', ['--install', BUILD, '--prefix', prefix, '--component', 'sdk']);
  const pc = (await tool('find', [prefix, '-name', 'wshub-sdk.pc'])).trim();
  assert.ok(pc, 'the SDK installs no wshub-sdk.pc');
  return pc;
}

// examples/FOLDER makes NAME.so: { folder, plugin }, until `end` is called. Both ways of building it are taken; the plugin
// is CMake's.
export async function buildExample(folder, name) {
  const work = mkdtempSync(join(tmpdir(), 'wshub-example-'));
  const end = () => rmSync(work, { recursive: true, force: true });
  try {
    const sdk = join(work, 'sdk'), copy = join(work, folder);
    const pc = await installSdk(sdk);
    cpSync(join(ROOT, 'examples', folder), copy, { recursive: true });
    const flags = `-g -O1 -Wall -Wextra -Wshadow -Werror -pedantic ${profileFlags()}`;
    const env = { ...process.env, PKG_CONFIG_PATH: dirname(pc) };
    await tool('make', ['-C', copy, `CFLAGS=${flags}`], { env });
    assert.ok(existsSync(join(copy, `${name}.so`)), 'make builds it in its folder');
    await tool('cmake', ['-S', copy, '-B', join(copy, 'build'), `-DCMAKE_PREFIX_PATH=${sdk}`, '-DCMAKE_BUILD_TYPE=Debug', `-DCMAKE_C_FLAGS=${flags}`]);
    await tool('cmake', ['--build', join(copy, 'build')]);
    const plugin = join(copy, 'build', `${name}.so`);
    await tool(join(ROOT, 'tests/abi/symbols'), [plugin]);
    assert.ok(!readFileSync(plugin).includes(join(ROOT, 'sdk/include')), 'it was built with the headers of the tree');
    return { folder: copy, plugin, end };
  } catch (error) {
    end();
    throw error;
  }
}

// The conformance kit finds nothing to complain of. `configuration` as docs/plugin-check.md has it.
export async function assertConforms(example, configuration) {
  const file = join(example.folder, 'check.yaml');
  writeFileSync(file, yaml(configuration));
  const end = await run(['plugin-check', '-c', file, example.plugin], { deadline: 150000 });
  assert.equal(end.code, 0, end.stdout + end.stderr);
  assert.match(end.stdout, /^pass [1-9]\d+, .* fail 0, crashed 0$/m, end.stdout);
}
