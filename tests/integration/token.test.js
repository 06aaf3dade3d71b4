// SPDX-License-Identifier: MIT
// wshub token create, inspect and verify: their command lines, and that others read what they write.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { jwtVerify } from 'jose';
import { run } from './support/hub.js';
import { Issuer, SECRET, base64url, folder, forge, newKey, now, sign } from './support/jwt.js';

const env = { TEST_SECRET: SECRET };
const token = (args, options = {}) => run(['token', ...args], { env, ...options });
const HMAC = ['--algorithms', 'HS256', '--secret-env', 'TEST_SECRET'];

async function good(args, options) {
  const end = await token(args, options);
  assert.equal(end.code, 0, end.stderr);
  assert.equal(end.stderr, '');
  return end.stdout;
}

async function bad(code, pattern, args, options) {
  const end = await token(args, options);
  assert.equal(end.code, code, end.stdout + end.stderr);
  assert.match(end.stdout + end.stderr, pattern);
  assert.ok(!(end.stdout + end.stderr).includes(SECRET));
}

test('help says what there is, and warns of secrets on the command line', async () => {
  assert.match(await good(['--help']), /create .*\n.*inspect .*\n.*verify/);
  assert.match(await good(['create', '--help']), /every\s+user\s+of\s+the\s+machine\s+can\s+read\s+command\s+lines/);
  assert.match(await good(['verify', '--help']), /Exit: 0 yes, 1 no, 2/);
  assert.match(await good(['inspect', '--help']), /without checking any of it/);
  assert.match(await good(['--version']), /^wshub-token \d/);
  await bad(2, /no verb: there are create, inspect and verify/, []);
  await bad(2, /no such verb: 'mint'; there are create, inspect and verify/, ['mint']);
  assert.match((await run(['--help'])).stdout, /token +make, show and check tokens/);
});

test('create: a token that others take', async () => {
  const text = await good(['create', '--secret-env', 'TEST_SECRET', '--sub', '42', '--expires', '90s', '--subscribe', 'room:*',
    '--subscribe', 'news', '--publish', 'room:a', '--claim', 'iss=me', '--claim', 'n={"a":[1]}', '--claim', 'quoted="7"', '--claim', 'seven=7', '--kid', 'k1']);
  const { payload, protectedHeader } = await jwtVerify(text.trim(), new TextEncoder().encode(SECRET), { algorithms: ['HS256'] });
  assert.deepEqual(protectedHeader, { alg: 'HS256', typ: 'JWT', kid: 'k1' });
  const { iat, exp, jti, ...rest } = payload;
  assert.equal(exp - iat, 90);
  assert.ok(Math.abs(iat - now()) < 30);
  assert.match(jti, /^[0-9a-f]{32}$/);
  assert.deepEqual(rest, { sub: '42', subscribe: ['room:*', 'news'], publish: ['room:a'], iss: 'me', n: { a: [1] }, quoted: '7', seven: 7 });
  const forever = (await good(['create', '--secret-env', 'TEST_SECRET', '--expires', 'never', '--claim', 'jti=mine'])).trim();
  const claims = JSON.parse(Buffer.from(forever.split('.')[1], 'base64url'));
  assert.equal(claims.exp, undefined);
  assert.equal(claims.jti, 'mine');
});

for (const alg of ['RS256', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']) {
  test(`create and verify with ${alg}`, async (t) => {
    const files = folder(t), key = newKey(alg);
    const file = files.write('key.pem', key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const text = (await good(['create', '--alg', alg, '--key', file, '--sub', 'anna'])).trim();
    assert.equal((await jwtVerify(text, createPublicKey(key.pem))).payload.sub, 'anna');
    assert.match(await good(['verify', '--algorithms', alg, '--key-file', files.write('public.pem', key.pem), text]), /^yes\nuser +"anna"\n/);
  });
}

test('create: secrets from files and in base64', async (t) => {
  const files = folder(t);
  for (const [args, secret] of [[['--secret-file', files.write('a', SECRET + '\n')], SECRET],
    [['--secret-file', files.write('b', Buffer.from(SECRET).toString('base64') + '\n'), '--secret-base64'], SECRET]]) {
    const text = (await good(['create', '--alg', 'HS512', ...args])).trim();
    await jwtVerify(text, new TextEncoder().encode(secret), { algorithms: ['HS512'] });
  }
});

test('create: what it refuses', async (t) => {
  const files = folder(t), rsa = newKey('RS256'), weak = newKey('RS256', 'w', { bits: 1024 });
  const privatePem = (key, more = {}) => files.write('key.pem', key.privateKey.export({ type: 'pkcs8', format: 'pem', ...more }));
  const signing = ['create', '--secret-env', 'TEST_SECRET'];
  await bad(2, /HS256 signs with a secret: give --secret-env or --secret-file/, ['create']);
  await bad(2, /RS256 signs with a private key: give --key/, ['create', '--alg', 'RS256']);
  await bad(2, /RS256 signs with a private key: give --key/, [...signing, '--alg', 'RS256']);
  await bad(2, /--alg: found 'none', expected one of HS256/, [...signing, '--alg', 'none']);
  await bad(2, /--expires: found '1 h', expected a duration/, [...signing, '--expires', '1 h']);
  await bad(2, /--claim: found 'x', expected NAME=VALUE/, [...signing, '--claim', 'x']);
  await bad(2, /no argument is expected/, [...signing, 'x']);
  await bad(2, /found no environment variable NO_SUCH with a value/, ['create', '--secret-env', 'NO_SUCH']);
  await bad(2, /found no file that can be read/, ['create', '--secret-file', '/none']);
  await bad(2, /a secret must be as long as the hash; openssl rand -base64 64 makes one/, ['create', '--secret-file', files.write('s', 'short')]);
  await bad(2, /it is not base64/, [...signing, '--secret-base64']);
  await bad(2, /less than 2048 bits/, ['create', '--alg', 'RS256', '--key', privatePem(weak)]);
  await bad(2, /of another kind/, ['create', '--alg', 'ES256', '--key', privatePem(rsa)]);
  await bad(2, /no private key in PEM/, ['create', '--alg', 'RS256', '--key', files.write('p', rsa.pem)]);
  await bad(2, /has a passphrase/, ['create', '--alg', 'RS256', '--key', privatePem(rsa, { cipher: 'aes-256-cbc', passphrase: 'x' })]);
});

test('inspect: shows all of it, and says that it is not verified', async () => {
  const text = await sign({ sub: 'anna', nbf: 0, iat: now() - 7200, exp: now() + 3 * 86400 + 60 }, 'x'.repeat(32));
  const shown = await good(['inspect', text]);
  assert.match(shown, /^header \{/);
  assert.match(shown, /"sub": "anna"/);
  assert.match(shown, /issued +\d{4}-\d\d-\d\d .* UTC \(2 hours ago\)/);
  assert.match(shown, /not before +1970-01-01 00:00:00 UTC/);
  assert.match(shown, /expires .* \(in 3 days\)/);
  assert.match(shown, /NOT VERIFIED/);
  assert.equal(await good(['inspect', '-'], { input: text + '\n' }), shown);
  const odd = await good(['inspect', forge('{"alg":"none"}', '{"sub":"\\u001b[31m\u0085","exp":1e12,"iat":"x"}')]);
  assert.ok(!/[\u001b\u0080-\uffff]/.test(odd), JSON.stringify(odd)); // nothing that a terminal obeys
  assert.match(odd, /beyond the year 9999/);
  assert.match(odd, /issued +not a number/);
  await bad(2, /expected a JWT/, ['inspect', 'sk_live_1']);
  await bad(2, /found no claims/, ['inspect', `${base64url('{}')}.x.y`]);
  await bad(2, /no token: give it, or -/, ['inspect']);
});

test('verify: yes with user, grants and expiry; no with the reason', async (t) => {
  const files = folder(t);
  const text = await sign({ sub: '42', jti: 'id', aud: 'hub', subscribe: ['room:*'], publish: 'room:{user}' }, SECRET);
  const args = [...HMAC, '--audience', 'hub', '--grants', 'presence+history:x'];
  const yes = await good(['verify', ...args, text]);
  assert.match(yes, /^yes\nuser +"42"\ntoken id +"id"\npresence\+history "x"\nsubscribe +"room:\*"\npublish +"room:\{user\}"\nexpires +.*\(in 9 minutes\)\n$/);
  assert.equal(await good(['verify', ...args, '-'], { input: text }), yes);
  await bad(1, /^no: the token is for an audience/, ['verify', ...HMAC, text]);
  await bad(1, /^no: the token has expired/, ['verify', ...HMAC, await sign({ sub: '1', exp: now() - 5 }, SECRET)]);
  await bad(1, /^no: the token's signature does not fit/, ['verify', ...HMAC, await sign({ sub: '1' }, 'x'.repeat(32))]);
  await bad(1, /^no: the token is not a JWT/, ['verify', ...HMAC, 'sk_live_1']);
  await bad(2, /found no algorithms/, ['verify', text]);
  await bad(2, /a key for RS256 as well/, ['verify', '--algorithms', 'RS256 HS256', '--secret-env', 'TEST_SECRET', text]);
  await bad(2, /found "often", expected/, ['verify', ...HMAC, '--jwks-refresh', 'often', text]);
  const file = files.write('wshub.yaml', `auth:\n  - plugin: jwt\n    options: {algorithms: [HS256], secret: "\${TEST_SECRET}", audience: [other, hub], grants: ["presence+history:x"]}\n`);
  assert.equal(await good(['verify', '-c', file, text]), yes);
  await bad(2, /expected one of the two/, ['verify', '-c', file, ...HMAC, text]);
  await bad(2, /found no plugin jwt called x/, ['verify', '-c', file, '-n', 'x', text]);
  await bad(2, /found no plugin jwt under `auth`/, ['verify', '-c', files.write('none.yaml', 'auth: none\n'), text]);
  await bad(2, /options.algorithms: found "none"/, ['verify', '-c', files.write('bad.yaml', 'auth: [{plugin: jwt, options: {algorithms: none}}]\n'), text]);
});

test('verify: with the keys behind a url, which may be away', async (t) => {
  const key = newKey('ES256', 'e'), issuer = await Issuer.start(t);
  issuer.publish(key);
  const args = ['verify', '--algorithms', 'ES256', '--jwks-url', issuer.url, await sign({ sub: 'anna' }, key)];
  assert.match(await good(args), /^yes\nuser +"anna"/);
  issuer.answer = (response) => { response.statusCode = 503; response.end(); };
  await bad(2, /the keys at jwks_url cannot be had: the answer is HTTP 503, expected 200/, args);
});
