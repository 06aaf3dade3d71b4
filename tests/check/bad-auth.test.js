// SPDX-License-Identifier: MIT
// As bad.test.js, of auth plugins: each of tests/plugins/bad-auth does one thing wrong, and fails the case that is about
// it; the good one passes everything, with a backend and without.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { COUNTED, expectGood, testCaught } from './caught.js';

const PLUGINS = process.env.WSHUB_BAD_PLUGINS ?? 'build/tests/plugins/bad-auth';
const folder = mkdtempSync(join(tmpdir(), 'wshub-bad-auth-'));

// ---- a backend --------------------------------------------------------------------------------------------------

const SCRIPT = new URL('backend.js', import.meta.url).pathname;

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function stopBackend() {
  try {
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGKILL');
  } catch { /* a case has stopped it */ }
}

async function startBackend(port) {
  const child = spawn(process.execPath, [SCRIPT, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  writeFileSync(join(folder, 'pid'), String(child.pid));
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`the backend ended with ${code}`)));
  });
  child.removeAllListeners('exit');
}

// ---- configurations ---------------------------------------------------------------------------------------------

// Each plugin has a file of its own: two may be under way at once.
function configure(plugin, backend) {
  const tokens = join(folder, `${plugin}.tokens`), pid = join(folder, 'pid');
  const path = join(folder, `${plugin}${backend ? '-backend' : ''}.yaml`);
  writeFileSync(tokens, 'dave-from-the-file-123 dave\n');
  writeFileSync(path, `options: {file: ${tokens}, backend: "${backend ? '${BACKEND}' : ''}"}
requests:
  - {token: alice-0123456789-abcdef, expect: yes, user: alice}
  - {token: bob-9876543210-fedcba, source: query, expect: yes, user: bob}
  - {token: guest-1111111111-aaaaaa, source: cookie, expect: yes, user: ""}
  - {token: carol-5555555555-eeeeee, expect: expired}
  - {token: dave-from-the-file-123, expect: yes, user: dave, changed: no}
  - {token: erin-from-the-file-456, expect: no, changed: yes}
  - {token: nobody-that-is-known, expect: no}
  - {expect: pass}
authorize:
  - {token: bob-9876543210-fedcba, verb: publish, name: "room:1", expect: yes}
  - {token: bob-9876543210-fedcba, verb: publish, name: "room:2", expect: no}
reload:
  change: echo 'erin-from-the-file-456 erin' > ${tokens}
  spoil: echo 'nonsense' > ${tokens}
  restore: echo 'dave-from-the-file-123 dave' > ${tokens}
${backend ? `backend:
  address: 127.0.0.1:${backend}
  stop: kill -9 $(cat ${pid})
  pause: kill -STOP $(cat ${pid})
  resume: kill -CONT $(cat ${pid})
  restart: kill -9 $(cat ${pid}) 2>/dev/null; "${process.execPath}" ${SCRIPT} ${backend} >/dev/null 2>&1 & echo $! > ${pid}
` : ''}`);
  return path;
}

// ---- what is caught ---------------------------------------------------------------------------------------------

const caught = {
  // ---- the library ----
  'older-minor': ['older-host', /asks for ABI 1\.0, where there are no auth plugins/],
  'reads-beyond-request': ['older-host', /within authenticate/, 'crashed'],
  'writes-stdout': ['writes-nothing', /wrote to stdout: "deciding/],

  // ---- life and death ----
  'blocks-open': ['auth-opens-again', /open blocked the hub thread for 1\d{3}/],
  'caches-for-ever': ['auth-does-not-grow', /after 1000 tokens that were new: .* it needs an end/, 'warning', COUNTED],
  'close-hangs': ['auth-opens-again', /did not end within 20 s \(within close\)/, 'crashed'],
  'close-lingers': ['auth-opens-again', /close blocked the hub thread for \d+/],
  'completes-after-close': ['auth-closes-in-flight', /complete was called after close had returned/],
  'leaks-descriptor': ['auth-opens-and-closes', /90 descriptors more after 90 times/],
  'leaks-request': ['auth-leaves-nothing', /blocks of memory more .* open, requests and close/, 'fail', COUNTED],
  'leaks-session': ['auth-opens-and-closes', /270 blocks of memory more/, 'fail', COUNTED],
  'leaks-thread': ['auth-leaves-nothing', /40 threads more/],
  'leaks-timer': ['auth-opens-again', /close has left 1 timer and 0 watches/],
  'leaks-when-refused': ['auth-refused-open', /20 blocks of memory more/, 'fail', COUNTED],
  'shares-instances': ['auth-two-at-once', /which the host never gave out/],
  'spins': ['auth-rests', /callbacks in a second in which nothing was to do/],
  'uses-broker-services': ['auth-opens-again', /at address 0x0, within open/, 'crashed'],

  // ---- tokens, and who that is ----
  'asks-without-slot': ['auth-decides', /asks \(0x2\), and there is no slot authorize/],
  'completes-and-fails': ['auth-decides', /completed its token and then returned PASS/],
  'completes-oddly': ['auth-decides', /decided with 1, which is none of enum wshub_status/],
  'completes-twice': ['auth-many-at-once', /which was completed already/],
  'completes-unknown': ['auth-many-at-once', /which the host never gave out/],
  'drops-700th': ['auth-many-at-once', /was not completed within \d+ ms/],
  'explains-late': ['auth-decides', /explain was called for token .*, which was completed already/],
  'forgets-identify': ['auth-decides', /identify had not told who it is/],
  'grant-empty': ['auth-decides', /identify told grant 1 with a pattern of no bytes/],
  'grants-too-many': ['auth-decides', /identify told 2000 grants, expected at most 1024/],
  'identifies-late': ['auth-decides', /identify had not told who it is/],
  'identifies-operation': ['auth-authorizes', /identify was called for a token of authorize/],
  'identifies-other': ['auth-decides', /identify was called for token \S+, which the host never gave out/],
  'identifies-refused': ['auth-decides', /decided with DENIED after identify had told who it is/],
  'identity-expired': ['auth-decides', /an end that passed .*times are milliseconds since 1970/],
  'identity-unsized': ['auth-decides', /an identity with struct_size 0/],
  'info-not-json': ['auth-decides', /identify told info that is not JSON/],
  'never-answers': ['auth-in-time', /was not completed within \d+ ms, which is host->timeout/],
  'timer-from-thread': ['auth-decides', /timer_start was called by a thread of the plugin's/],
  'user-not-utf8': ['auth-decides', /identify told a user that is not UTF-8/],
  'user-too-long': ['auth-decides', /identify told a user of 300 bytes, expected at most 255/],
  'user-with-line': ['auth-decides', /identify told a user with a control character/],

  // ---- decisions ----
  'authorize-expires': ['auth-authorizes', /authorize was decided with EXPIRED/],
  'authorizes-anything': ['auth-authorizes', /a verb that is none was decided with yes/],
  'forgets-on-reload': ['auth-same-answer', /after reload: request 5 .* with yes when it was asked for the first time/],
  'lets-in-the-100th': ['auth-same-answer', /decided with/],
  'lets-in-the-next': ['auth-same-answer', /decided with/],
  'numbers-users': ['auth-same-answer', /another token_id than when/],
  'refresh-lets-in': ['auth-refreshes', /refresh of request \d of the configuration .* was decided with yes .*, expected no/],
  'refresh-passes': ['auth-refreshes', /PASS, which is for authenticate alone/],
  'says-no-to-all': ['auth-decides', /request 1 .* was decided with failure .*, expected yes/],
  'tells-other-user': ['auth-decides', /told the user "mallory", expected "alice"/],

  // ---- what is lent, and the hub thread ----
  'blocks-authenticate': ['auth-does-not-block', /authenticate blocked the hub thread for 6\d/],
  'hogs-long-tokens': ['auth-does-not-block', /authenticate kept the hub thread for \d+/],
  'keeps-header': ['auth-keeps-nothing-lent', /in memory that was lent to a slot/, 'crashed'],
  'keeps-token': ['auth-copies-what-is-lent', /decided with/],
  'writes-request': ['auth-keeps-nothing-lent', /in memory that was lent to a slot/, 'crashed'],

  // ---- hostile requests ----
  'compares-known-part': ['auth-nearly-right', /, (with a letter more|with a NUL behind it) was decided with yes/],
  'compares-shown-part': ['auth-nearly-right', /, without its last letter was decided with yes/],
  'compares-until-nul': ['auth-nearly-right', /, with a NUL behind it was decided with yes/],
  'ignores-case': ['auth-nearly-right', / was decided with yes \(user "alice"\)/],
  'lets-in-long-tokens': ['auth-strangers', /a random token was decided with yes \(user "alice"\)/],
  'looks-within': ['auth-nearly-right', /with a letter (more|before it) was decided with yes/],
  'nests-deeply': ['auth-hostile', /within authenticate/, 'crashed'],
  'overruns-headers': ['auth-hostile', /within authenticate/, 'crashed'],
  'reads-empty-token': ['auth-hostile', /at address 0x0, within authenticate/, 'crashed'],
  'takes-empty-token': ['auth-hostile', /a request without a token was decided with yes/],
  'trusts-headers': ['auth-hostile', /a request with doubled headers was decided with yes/],
  'trusts-no-algorithm': ['auth-hostile', /a JWT of no algorithm, and no signature was decided with yes/],

  // ---- secrets ----
  'explains-option': ['auth-keeps-secrets', /value of option salt, which is a secret, stands in an explanation/],
  'explains-path': ['auth-keeps-secrets', /what the client has sent, or 16 bytes of it, stands in an explanation/],
  'leaves-tokens': ['auth-forgets-tokens', /the token of a client still stands in memory/, 'warning', COUNTED],
  'logs-cookies': ['auth-keeps-secrets', /a cookie, or 16 bytes of it, was logged/],
  'logs-option': ['auth-keeps-secrets', /value of option salt, which is a secret, was logged/],
  'logs-part-of-token': ['auth-keeps-secrets', /the token, or 16 bytes of it, was logged/],
  'logs-token': ['auth-keeps-secrets', /the token, or 16 bytes of it, was logged/],
  'remembers-tokens': ['auth-forgets-tokens', /\d+ ms after its decision, the token of a client still stands/, 'warning', COUNTED],
  'tells-token-as-id': ['auth-keeps-secrets', /the token, or 16 bytes of it, stands in the identity's token_id/],
  'tells-token-in-info': ['auth-keeps-secrets', /the token, or 16 bytes of it, stands in the identity's info/],

  // ---- reload ----
  'reload-drops': ['auth-reloads-in-flight', /was not completed within/],
  'reload-empties': ['auth-reload-spoiled', /request 5 .* was decided with no .*, expected yes/],
  'reload-hangs': ['auth-reloads', /reload blocked the hub thread for 3\d\d/],
  'reload-ignores': ['auth-reload-changed', /request 5 .* was decided with yes .*, expected no/],
  'reload-leaks': ['auth-reloads', /90 blocks of memory more/, 'fail', COUNTED],
  'reload-silent': ['auth-reload-spoiled', /neither a warning nor an error was logged/],

  // ---- memory that ends ----
  'allows-without-memory': ['auth-memory-of-authorize', /had failed: .*line 13\) was decided with yes .*, expected no/, 'fail', COUNTED],
  'crashes-without-memory': ['auth-memory-of-deciding', /at address 0x0, within a timer/, 'crashed', COUNTED],
  'hangs-without-memory': ['auth-memory-of-deciding', /was not completed within/, 'fail', COUNTED],
  'ignores-identify': ['auth-memory-of-deciding', /identify had not told who it is/, 'fail', COUNTED],
  'passes-without-memory': ['auth-memory-of-deciding', /was passed on to the next plugin/, 'fail', COUNTED],
  'reload-empties-without-memory': ['auth-memory-of-reload', /of reload had failed: .*request 5 .* with no .*, expected yes/, 'fail', COUNTED],
  'yes-without-memory-on-thread': ['auth-memory-of-threads', /and its threads had failed: .*told the user "alice"|was decided with yes/, 'fail', COUNTED],
  'yes-without-memory': ['auth-memory-of-deciding', /had failed: .* (was decided with yes|told the user "alice", expected "bob")/, 'fail', COUNTED],

  // ---- a backend that is away ----
  'never-comes-back': ['auth-backend-refuses', /there again: .* was decided with failure .*, expected yes/],
  'no-when-away': ['auth-backend-refuses', /refuses connections: .* was decided with no .*, expected failure/],
  'passes-when-away': ['auth-backend-silent', /says nothing: .* was decided with pass .*, expected failure/],
  'waits-too-long': ['auth-backend-silent', /was not completed within \d+ ms, which is host->timeout/],
  'yes-when-away': ['auth-backend-refuses', /refuses connections: .* was decided with yes .*, expected failure/],
};

// The relay stands between: what one does to its backend, others do not notice.
const backends = /away$|^waits-too-long$|^never-comes-back$/;

let port;
before(async () => {
  port = await freePort();
  await startBackend(port);
});
after(() => {
  stopBackend();
  rmSync(folder, { recursive: true, force: true });
});

testCaught(PLUGINS, caught, (plugin) => ['--config', configure(plugin, backends.test(plugin) && port)]);

test('the good plugin passes everything', () =>
  expectGood(PLUGINS, /backend\.|malloc|no threads|about brokers/, '--config', configure('good', 0)));

test('the good plugin passes everything without a configuration too', () =>
  expectGood(PLUGINS, /backend\.|malloc|no threads|about brokers|requests|reload\./));

test('the good plugin passes everything with a backend that is stopped, paused and cut off', () =>
  expectGood(PLUGINS, /malloc|no threads|about brokers/, '--config', configure('good', port), '--only', 'auth'));
