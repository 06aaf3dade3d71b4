// SPDX-License-Identifier: MIT
// The plugin jwt by itself: tokens of another implementation, forged ones, keys in every form, and an issuer that
// misbehaves. What a hub makes of it: auth-jwt.test.js.
import assert from 'node:assert/strict';
import { constants, createPrivateKey, generateKeyPairSync, sign as createSignature } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Authority } from './support/certificates.js';
import { AUDIENCE, HEADER, ISSUER, KEY, claims, forgeries, text } from './support/forgeries.js';
import { SCALE, until } from './support/wait.js';
import { Issuer, SECRET, base64url, folder, forge, newKey, now, refused, sign, start } from './support/jwt.js';

const HMAC = ['HS256', 'HS384', 'HS512'];
const PUBLIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

async function yes(driver, token, user) {
  const answer = await driver.ask(token);
  assert.equal(answer.status, 'OK', answer.why);
  assert.equal(answer.user, user);
  return answer;
}

async function no(driver, token, why, status = 'DENIED') {
  const answer = await driver.ask(token);
  assert.equal(answer.status, status, JSON.stringify(answer));
  assert.ok((answer.why ?? '').includes(why), `${answer.why}, expected: ${why}`);
}

// ---- every algorithm, keys in every form

for (const alg of HMAC) {
  test(`${alg}: as a text, in base64, from a JWK Set`, async (t) => {
    const files = folder(t);
    const jwks = files.write('keys.json', { keys: [{ kty: 'oct', kid: 'a', alg, k: base64url(SECRET) }] });
    const forms = [{ secret: SECRET }, { secret_base64: Buffer.from(SECRET).toString('base64') },
      { secret_base64: base64url(SECRET) }, { jwks_file: jwks }];
    for (const form of forms) {
      const driver = start(t, { algorithms: [alg], ...form });
      await yes(driver, await sign({ sub: 'anna' }, SECRET, { alg }), 'anna');
      await no(driver, await sign({ sub: 'anna' }, SECRET.replace('a', 'b'), { alg }), 'signature does not fit');
    }
  });
}

for (const alg of PUBLIC) {
  test(`${alg}: from PEM, a JWK Set, and a JWKS URL`, async (t) => {
    const files = folder(t);
    const key = newKey(alg, 'k1'), other = newKey(alg, 'k1');
    const issuer = await Issuer.start(t);
    issuer.publish(key);
    const forms = [{ key_file: files.write('key.pem', key.pem) }, { jwks_file: files.write('keys.json', { keys: [key.jwk] }) },
      { jwks_url: issuer.url }];
    for (const form of forms) {
      const driver = start(t, { algorithms: [alg], ...form });
      await yes(driver, await sign({ sub: 'anna' }, key), 'anna');
      await no(driver, await sign({ sub: 'anna' }, other), 'signature does not fit');
    }
  });
}

// Signed by hand, as jose would not. `as` are options of crypto.sign.
function signBy(privateKey, alg, as) {
  const signed = `${base64url(JSON.stringify({ alg }))}.${base64url(text())}`;
  return `${signed}.${createSignature(`sha${alg.slice(2)}`, Buffer.from(signed), { key: privateKey, ...as }).toString('base64url')}`;
}

test('RSASSA-PSS is not PKCS #1, and its salt is as long as the hash', async (t) => {
  const files = folder(t);
  const { pem, privateKey } = newKey('RS256');
  const driver = start(t, { algorithms: ['RS256', 'PS256', 'PS384'], key_file: files.write('key.pem', pem), audience: [AUDIENCE] });
  const padding = constants.RSA_PKCS1_PSS_PADDING, FIT = 'signature does not fit';
  await yes(driver, signBy(privateKey, 'PS256', { padding, saltLength: 32 }), 'anna');
  await yes(driver, signBy(privateKey, 'PS384', { padding, saltLength: 48 }), 'anna');
  await yes(driver, signBy(privateKey, 'RS256', {}), 'anna');
  await no(driver, signBy(privateKey, 'PS256', {}), FIT);
  await no(driver, signBy(privateKey, 'RS256', { padding, saltLength: 32 }), FIT);
  for (const saltLength of [0, 31, 33, constants.RSA_PSS_SALTLEN_MAX_SIGN]) await no(driver, signBy(privateKey, 'PS256', { padding, saltLength }), FIT);
  const good = signBy(privateKey, 'PS256', { padding, saltLength: 32 }), [head, body, signature] = good.split('.');
  await no(driver, `${base64url('{"alg":"PS384"}')}.${body}.${signature}`, FIT);
  await no(driver, `${head}.${base64url(text({ sub: 'root' }))}.${signature}`, FIT);
  await no(driver, `${head}.${body}.${signature.slice(0, 40)}`, FIT);
  await no(driver, `${good}AAAA`, FIT);
  await no(driver, `${head}.${body}.${base64url(Buffer.alloc(256))}`, FIT);
  await no(driver, signBy(newKey('PS256').privateKey, 'PS256', { padding, saltLength: 32 }), FIT);
});

test('a key for RSASSA-PSS alone, with and without the hash it is for', async (t) => {
  const files = folder(t);
  for (const bound of [{}, { hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256', saltLength: 32 }]) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...bound });
    const key_file = files.write('key.pem', publicKey.export({ type: 'spki', format: 'pem' }));
    const driver = start(t, { algorithms: ['PS256'], key_file });
    await yes(driver, await sign({ sub: 'anna' }, { alg: 'PS256', privateKey }), 'anna');
    await no(driver, await sign({ sub: 'anna' }, newKey('PS256')), 'signature does not fit');
    assert.match(await refused({ algorithms: ['RS256'], key_file }), /a key for RS256 as well/);
  }
});

test('an RSA key in PKCS #1, a certificate, and several in one file', async (t) => {
  const files = folder(t);
  const first = newKey('RS256'), second = newKey('ES256');
  const authority = new Authority(t);
  const { cert, key } = authority.issue('issuer', 'DNS:issuer');
  const file = files.write('keys.pem', first.publicKey.export({ type: 'pkcs1', format: 'pem' }) + second.pem + readFileSync(cert));
  const driver = start(t, { algorithms: ['RS256', 'ES256'], key_file: file });
  await yes(driver, await sign({ sub: 'anna' }, first), 'anna');
  await yes(driver, await sign({ sub: 'bert' }, second), 'bert');
  await yes(driver, await sign({ sub: 'carl' }, { alg: 'ES256', privateKey: createPrivateKey(readFileSync(key)) }), 'carl');
});

// ---- forged ones

test('forged tokens, each with its verdict and its reason', async (t) => {
  const files = folder(t);
  const rsa = newKey('RS256', 'r'), ec = newKey('ES256', 'e');
  const jwks_file = files.write('keys.json', { keys: [rsa.jwk, ec.jwk] });
  const driver = start(t, { algorithms: ['HS256', 'RS256', 'ES256'], secret: SECRET, jwks_file, issuer: ISSUER, audience: [AUDIENCE, 'api'] });
  await yes(driver, await sign(claims(), rsa), 'anna');
  await yes(driver, await sign(claims(), ec), 'anna');
  await yes(driver, await sign(claims({ aud: ['shop', 'wshub'] }), SECRET), 'anna');
  await yes(driver, forge(HEADER, text()), 'anna'); // so the forger's hand is good
  const rows = await forgeries({ rsa });
  for (const [what, token, why, status = 'DENIED'] of rows) {
    const answer = await driver.ask(token);
    assert.equal(answer.status, status, `${what}: ${JSON.stringify(answer)}`);
    assert.ok((answer.why ?? '').includes(why), `${what}: ${answer.why}, expected: ${why}`);
    for (const part of ['anna', 'evil', 'passwd', 'eyJ', 'shop']) assert.ok(!answer.why.includes(part), `${what}: ${answer.why}`);
  }
  assert.equal((await driver.ask()).status, 'PASS'); // no token at all
  const log = await driver.stop();
  for (const secret of [SECRET, 'eyJ', 'anna', 'passwd']) assert.ok(!log.includes(secret), log);
});

test('leeway, and what else bends', async (t) => {
  const driver = start(t, { algorithms: ['HS256'], secret: SECRET, leeway: '60s', require_exp: false, max_size: '1KiB' });
  const at = now();
  const late = await yes(driver, await sign({ sub: 'a', exp: at - 30, nbf: at + 30, iat: at + 30 }, SECRET), 'a');
  assert.equal(late.expires, (at + 30) * 1000);
  assert.equal(late.issued, (at + 30) * 1000);
  await no(driver, await sign({ sub: 'a', exp: at - 61 }, SECRET), 'has expired', 'EXPIRED');
  await no(driver, await sign({ sub: 'a', nbf: at + 90 }, SECRET), 'not valid yet');
  const forever = await yes(driver, forge(HEADER, '{"sub":"a"}'), 'a');
  assert.equal(forever.expires, 0);
  const exact = await yes(driver, forge(HEADER, `{"sub":"a","exp":${at + 9}.5}`), 'a');
  assert.equal(exact.expires, (at + 69) * 1000 + 500);
  await no(driver, await sign({ sub: 'a'.repeat(900) }, SECRET), 'larger than `max_size`');
  await no(driver, await sign({ sub: 'a', aud: 'shop' }, SECRET), '`audience` is not set');
});

// ---- claims to an identity

test('claims become an identity and grants', async (t) => {
  const driver = start(t, { algorithms: ['HS256'], secret: SECRET, info_claim: 'profile', subscribe_claim: 'hub.read', publish_claim: 'https://example.com/publish',
    send_claim: 'scope', grants: ['subscribe+presence:room:{user}', 'history:*'] });
  const answer = await yes(driver, await sign({ sub: 'anna', jti: 't-1', profile: { name: 'Anna', tags: [1] }, hub: { read: ['news', 'room:*'] },
    'https://example.com/publish': 'room:a room:b', scope: 'bert' }, SECRET), 'anna');
  assert.equal(answer.id, 't-1');
  assert.deepEqual(JSON.parse(answer.info), { name: 'Anna', tags: [1] });
  const rows = [['subscribe', 'news', true], ['subscribe', 'room:x', true], ['subscribe', 'other', false], ['subscribe', 'room:', true],
    ['publish', 'room:a', true], ['publish', 'room:b', true], ['publish', 'room:c', false], ['publish', 'news', false],
    ['presence', 'room:anna', true], ['presence', 'room:bert', false], ['history', 'anything', true], ['send', 'bert', true], ['send', 'carl', false]];
  for (const [verb, name, may] of rows) assert.equal(await driver.may(answer, verb, name), may, `${verb} ${name}`);
});

test('a user that is a number, or none at all', async (t) => {
  const numbers = start(t, { algorithms: ['HS256'], secret: SECRET, user_claim: 'account.id' });
  await yes(numbers, await sign({ account: { id: 9007199254740993n.toString() } }, SECRET), '9007199254740993');
  await yes(numbers, forge(HEADER, `{"account":{"id":42},"exp":${now() + 9}}`), '42');
  await no(numbers, forge(HEADER, `{"account":{"id":4.2},"exp":${now() + 9}}`), '"account.id" is not a text');
  await no(numbers, forge(HEADER, `{"account":7,"exp":${now() + 9}}`), '"account.id" is missing');
  const nobody = start(t, { algorithms: ['HS256'], secret: SECRET, user_claim: '', id_claim: '' });
  const answer = await yes(nobody, await sign({ sub: 'anna', jti: '1' }, SECRET), '');
  assert.equal(answer.id, '');
});

// ---- options that make no sense

test('options that make no sense are refused with what to do', async (t) => {
  const files = folder(t);
  const rsa = newKey('RS256', 'r'), weak = newKey('RS256', 'w', { bits: 1024 }), ec = newKey('ES256', 'e');
  let written = 0;
  const file = (name, content) => files.write(`${++written}-${name}`, content);
  const key_file = file('key.pem', rsa.pem);
  const set = (...keys) => file('keys.json', { keys });
  const secret = SECRET;
  const rows = [
    [{ algorithms: ['none'], secret }, 'algorithms that sign: with `none` everybody could write a token'],
    [{ algorithms: ['HS256', 'NONE'], secret }, 'algorithms that sign'],
    [{ algorithms: ['EdDSA'], key_file }, 'knows no EdDSA'],
    [{ algorithms: ['hs256'], secret }, 'a list of HS256'],
    [{ algorithms: '', secret }, 'at least one algorithm'],
    [{ secret }, 'found no algorithms'],
    [{ algorithms: ['HS256'] }, 'a key for HS256 as well, which has none'],
    [{ algorithms: ['HS256'], secret: '' }, 'a secret that is not empty: is its environment variable set to nothing?'],
    [{ algorithms: ['HS256', 'RS256'], secret }, 'a key for RS256 as well, which has none'],
    [{ algorithms: ['HS256', 'RS256'], key_file }, 'a key for HS256 as well, which has none'],
    [{ algorithms: ['ES256'], key_file }, 'a key for ES256 as well'],
    [{ algorithms: ['RS256'], key_file, secret }, 'HS256, HS384 or HS512 among `algorithms`'],
    [{ algorithms: ['HS256'], secret: 'x'.repeat(31) }, 'at least 32 bytes, as HS256 asks for'],
    [{ algorithms: ['HS256', 'HS512'], secret: 'x'.repeat(63) }, 'at least 64 bytes, as HS512 asks for'],
    [{ algorithms: ['HS256'], secret_base64: base64url('x'.repeat(31)) }, 'at least 32 bytes'],
    [{ algorithms: ['HS256'], secret_base64: 'x y' }, 'base64, of which this is none'],
    [{ algorithms: ['HS256'], secret, secret_base64: base64url(secret) }, 'nothing, as there is `secret`'],
    [{ algorithms: ['RS256'], key_file: files.path + '/none.pem' }, 'a file that can be read: No such file'],
    [{ algorithms: ['RS256'], key_file: files.path }, 'a file that can be read: Is a directory'],
    [{ algorithms: ['RS256'], key_file: file('a.pem', 'hello') }, 'holds no PEM'],
    [{ algorithms: ['RS256'], key_file: file('a.pem', rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })) }, 'holds a private key'],
    [{ algorithms: ['RS256'], key_file: file('a.pem', weak.pem) }, 'less than 2048 bits'],
    [{ algorithms: ['RS256'], key_file: file('a.pem', rsa.pem.replace(/PUBLIC KEY/g, 'PGP MESSAGE')) }, 'something else than PUBLIC KEY'],
    [{ algorithms: ['RS256'], jwks_file: file('a.json', '{') }, 'is not a JSON object'],
    [{ algorithms: ['RS256'], jwks_file: file('a.json', '{"keys":[],"keys":[]}') }, 'is not a JSON object with each name once'],
    [{ algorithms: ['RS256'], jwks_file: file('a.json', '{}') }, 'has no list `keys`'],
    [{ algorithms: ['RS256'], jwks_file: file('a.json', '{"keys":[]}') }, 'in this file there is none'],
    [{ algorithms: ['RS256'], jwks_file: set(weak.jwk) }, 'less than 2048 bits'],
    [{ algorithms: ['RS256'], jwks_file: set({ ...rsa.jwk, use: 'enc' }) }, 'a key is not for signatures'],
    [{ algorithms: ['RS256'], jwks_file: set({ ...rsa.jwk, key_ops: ['sign'] }) }, 'not for checking signatures'],
    [{ algorithms: ['RS256'], jwks_file: set({ ...rsa.jwk, alg: 'ES256' }) }, 'does not fit its own alg'],
    [{ algorithms: ['RS256'], jwks_file: set({ ...rsa.jwk, alg: 'RSA-OAEP' }) }, 'alg is none for signatures'],
    [{ algorithms: ['RS256'], jwks_file: set({ ...rsa.jwk, n: undefined }) }, 'numbers are missing'],
    [{ algorithms: ['RS256'], jwks_file: set({ ...rsa.jwk, kid: 7 }) }, 'a kid is not a text'],
    [{ algorithms: ['RS256'], jwks_file: set({ ...rsa.jwk, kty: 'OKP' }) }, 'kty is not RSA, EC or oct'],
    [{ algorithms: ['RS256'], jwks_file: set('x') }, 'a key is not an object'],
    [{ algorithms: ['RS512'], jwks_file: set(rsa.jwk) }, 'a key for RS512 as well'],
    [{ algorithms: ['ES256'], jwks_file: set({ ...ec.jwk, y: ec.jwk.x }) }, 'numbers are missing or no key'],
    [{ algorithms: ['ES256'], jwks_file: set({ ...ec.jwk, x: ec.jwk.x.slice(0, 40) }) }, 'numbers are missing or no key'],
    [{ algorithms: ['ES256'], jwks_file: set({ ...ec.jwk, crv: 'secp256k1' }) }, 'numbers are missing or no key'],
    [{ algorithms: ['HS256'], jwks_file: set({ kty: 'oct', alg: 'HS256', k: base64url('short') }) }, 'shorter than the hash'],
    [{ algorithms: ['HS256'], jwks_url: 'https://example.com/' }, 'a key for HS256 as well'],
    [{ algorithms: ['RS256'], jwks_url: 'http://example.com/' }, '`jwks_plain_http: true` says so'],
    [{ algorithms: ['RS256'], jwks_url: 'https://u:p@example.com/' }, 'a url without user and password'],
    [{ algorithms: ['RS256'], jwks_url: 'ftp://example.com/' }, 'begins with https://'],
    [{ algorithms: ['RS256'], jwks_url: 'file:///etc/passwd' }, 'a url such as'],
    [{ algorithms: ['RS256'], jwks_url: 'example' }, 'a url such as'],
    [{ algorithms: ['RS256'], key_file, jwks_ca_file: key_file }, '`jwks_url` as well'],
    [{ algorithms: ['RS256'], jwks_url: 'https://example.com/', jwks_ca_file: '/none' }, 'a file that can be read'],
    [{ algorithms: ['RS256'], jwks_url: 'https://example.com/', jwks_refresh: '5s' }, 'at most `jwks_refresh`'],
    [{ algorithms: ['HS256'], secret, grants: ['room:*'] }, 'each as subscribe:pattern'],
    [{ algorithms: ['HS256'], secret, grants: ['subscribe+fly:x'] }, 'each as subscribe:pattern'],
    [{ algorithms: ['HS256'], secret, grants: ['subscribe:'] }, 'patterns of 1 to 255 bytes'],
  ];
  for (const [options, said] of rows) {
    const log = await refused(options);
    assert.ok(log.includes(said), `${JSON.stringify(options)}: ${log}, expected: ${said}`);
    assert.ok(!log.includes('xxxxxxx') && !log.includes(SECRET) && !log.includes('u:p'), log);
  }
});

// ---- files again

test('SIGHUP reads the files again, and keeps the keys when it cannot', async (t) => {
  const files = folder(t);
  const [one, two] = [newKey('RS256', '1'), newKey('RS256', '2')];
  const jwks_file = files.write('keys.json', { keys: [one.jwk] });
  const driver = start(t, { algorithms: ['RS256'], jwks_file });
  const tokens = [await sign({ sub: 'anna' }, one), await sign({ sub: 'bert' }, two)];
  await yes(driver, tokens[0], 'anna');
  await no(driver, tokens[1], KEY);
  files.write('keys.json', { keys: [one.jwk, two.jwk] });
  driver.tell('reload');
  await driver.logged('read the keys again: 2 at hand');
  await yes(driver, tokens[0], 'anna');
  await yes(driver, tokens[1], 'bert');
  writeFileSync(jwks_file, '{"keys":');
  driver.tell('reload');
  await driver.logged('the keys stay as they were: jwks_file: expected a JWK Set');
  await yes(driver, tokens[1], 'bert');
  rmSync(jwks_file);
  driver.tell('reload');
  await driver.logged('the keys stay as they were: jwks_file: expected a file that can be read');
  await yes(driver, tokens[0], 'anna');
  files.write('keys.json', { keys: [two.jwk] });
  driver.tell('reload');
  await driver.logged('read the keys again: 1 at hand');
  await no(driver, tokens[0], KEY);
});

// ---- an issuer's url

const url = (issuer, more = {}) => ({ algorithms: ['RS256'], jwks_url: issuer.url, ...more });

test('rotation: a new key is fetched when a token names it, an old one goes', async (t) => {
  const [one, two] = [newKey('RS256', '1'), newKey('RS256', '2')];
  const issuer = await Issuer.start(t);
  issuer.publish(one);
  const driver = start(t, url(issuer, { jwks_cooldown: '100ms' }));
  await yes(driver, await sign({ sub: 'anna' }, one), 'anna');
  assert.equal(issuer.requests, 1);
  issuer.publish(one, two);
  await until(5000, 'a token of the new key is let in', async () => (await driver.ask(await sign({ sub: 'bert' }, two))).status === 'OK');
  assert.equal(issuer.requests, 2);
  await yes(driver, await sign({ sub: 'anna' }, one), 'anna');
  issuer.publish(two);
  driver.tell('reload');
  await until(5000, 'the old key is gone', async () => (await driver.ask(await sign({ sub: 'anna' }, one))).status === 'DENIED');
  await yes(driver, await sign({ sub: 'bert' }, two), 'bert');
});

test('a storm of unknown keys causes few fetches and delays nobody', async (t) => {
  const key = newKey('RS256', 'good');
  const issuer = await Issuer.start(t);
  issuer.publish(key);
  const driver = start(t, url(issuer, { jwks_cooldown: '1s' }));
  await yes(driver, await sign({ sub: 'anna' }, key), 'anna');
  await no(driver, await sign({ sub: 'eve' }, newKey('RS256', 'early')), '', 'UNAVAILABLE'); // within the cooldown
  const [head, body, signature] = (await sign({ sub: 'eve' }, newKey('RS256', 'k'))).split('.');
  const began = performance.now();
  const answers = [];
  for (let i = 0; i < 3000; i++) {
    const header = base64url(JSON.stringify({ alg: 'RS256', kid: `kid-${i}` }));
    answers.push(driver.ask(`${header}.${body}.${signature}`));
    if (i % 100 === 0) answers.push(yes(driver, await sign({ sub: 'anna' }, key), 'anna').then(() => ({ status: 'OK' })));
  }
  const statuses = new Set((await Promise.all(answers)).map((answer) => answer.status));
  const seconds = (performance.now() - began) / 1000;
  assert.ok(!statuses.has('TIMEOUT'), [...statuses].join());
  assert.ok(issuer.requests <= 2 + seconds, `${issuer.requests} fetches in ${seconds} s`);
});

test('a key that was asked for and is not there is not asked for again', async (t) => {
  const key = newKey('RS256', 'good'), absent = await sign({ sub: 'eve' }, newKey('RS256', 'absent'));
  const issuer = await Issuer.start(t);
  issuer.publish(key);
  const driver = start(t, url(issuer, { jwks_cooldown: '1s' }));
  await yes(driver, await sign({ sub: 'anna' }, key), 'anna');
  await until(5000, 'it is known to be absent', async () => (await driver.ask(absent)).status === 'DENIED');
  assert.equal(issuer.requests, 2);
  const end = performance.now() + 1500; // beyond the cooldown
  while (performance.now() < end) await no(driver, absent, KEY);
  assert.equal(issuer.requests, 2);
  await until(10000, 'but not for ever', async () => { await driver.ask(absent); return issuer.requests > 2; });
});

test('nobody waits for an issuer that is slow, but those who need it', async (t) => {
  const key = newKey('RS256', 'good'), files = folder(t), local = newKey('RS256', 'local');
  const issuer = await Issuer.start(t);
  issuer.publish(key);
  let release;
  issuer.answer = (response) => { release = () => issuer.good(response); };
  const driver = start(t, url(issuer, { jwks_file: files.write('keys.json', { keys: [local.jwk] }) }));
  await issuer.request(1);
  const waits = [];
  for (let i = 0; i < 50; i++) waits.push(driver.ask(await sign({ sub: `user ${i}` }, key)));
  await yes(driver, await sign({ sub: 'bert' }, local), 'bert');
  assert.equal(driver.answers.items.length, 1); // the others wait
  release();
  for (const answer of await Promise.all(waits)) assert.equal(answer.status, 'OK', answer.why);
  assert.equal(issuer.requests, 1);
});

test('an issuer that never answers: a timeout, and a close that does not wait', async (t) => {
  const key = newKey('RS256', 'good');
  const issuer = await Issuer.start(t);
  issuer.answer = () => {};
  const driver = start(t, url(issuer, { jwks_timeout: '300ms' }));
  await no(driver, await sign({ sub: 'anna' }, key), 'could not be had', 'UNAVAILABLE');
  const hanging = start(t, url(issuer, { jwks_timeout: '60s' }));
  await issuer.request(issuer.requests + 1);
  const began = performance.now();
  assert.ok(!(await hanging.stop()).includes('cannot be had')); // it was given up, and has not failed
  assert.ok(performance.now() - began < 3000 * SCALE);
});

test('an issuer that is away at the start: not available, then it is', async (t) => {
  const key = newKey('RS256', 'good');
  const issuer = await Issuer.start(t);
  issuer.publish(key);
  const { port } = issuer;
  await issuer.close();
  const driver = start(t, url({ url: `http://127.0.0.1:${port}/jwks.json` }));
  await no(driver, await sign({ sub: 'anna' }, key), '', 'UNAVAILABLE');
  await driver.logged('no token that needs one of them can be checked until then');
  const again = await Issuer.start(t);
  await again.close();
  again.server = issuer.server;
  await issuer.listen(port);
  await until(10000, 'it recovers', async () => (await driver.ask(await sign({ sub: 'anna' }, key))).status === 'OK');
  await driver.logged('jwks_url answers again');
  await issuer.close();
});

const BROKEN = {
  'garbage': (response) => response.end('<html>hello</html>'),
  'an empty set': (response) => response.end('{"keys":[]}'),
  'only keys that cannot be used': (response) => response.end('{"keys":[{"kty":"OKP"}]}'),
  'a published secret': (response) => response.end(JSON.stringify({ keys: [{ kty: 'oct', kid: 'o', k: base64url(SECRET) }] })),
  'an error': (response) => { response.statusCode = 500; response.end('{}'); },
  'a redirect': (response) => { response.writeHead(302, { location: '/elsewhere' }); response.end(); },
  'nothing': (response) => response.end(),
  'half of it': (response) => { response.writeHead(200, { 'content-length': '1000' }); response.write('{"keys":['); response.destroy(); },
  'far too much': (response) => { response.on('error', () => {}); response.end(Buffer.alloc(1024 * 1024, ' ')); },
  'a broken connection': (response) => response.destroy(),
};

async function keepsGoodKeys(t, answer) {
  const key = newKey('RS256', 'good'), token = await sign({ sub: 'anna' }, key);
  const issuer = await Issuer.start(t);
  issuer.publish(key);
  const driver = start(t, url(issuer, { jwks_cooldown: '100ms', jwks_refresh: '1s' }));
  await yes(driver, token, 'anna');
  issuer.answer = answer;
  await issuer.request(5);
  await yes(driver, token, 'anna');
  assert.equal(driver.countLogged('cannot be had'), 1);
  assert.equal(driver.countLogged('those from before stay in use'), 1);
  issuer.answer = null;
  await driver.logged('jwks_url answers again');
  await yes(driver, token, 'anna');
}

// Beside each other: they wait more than they work.
test('an issuer that answers what is no key set: the last good keys stay, said once', { concurrency: 5 }, (t) =>
  Promise.all(Object.entries(BROKEN).map(([what, answer]) => t.test(what, (t) => keepsGoodKeys(t, answer)))));

test('an issuer that flaps', async (t) => {
  const key = newKey('RS256', 'good'), token = await sign({ sub: 'anna' }, key);
  const issuer = await Issuer.start(t);
  issuer.publish(key);
  const driver = start(t, url(issuer, { jwks_cooldown: '100ms', jwks_refresh: '1s' }));
  await yes(driver, token, 'anna');
  issuer.answer = (response) => (issuer.requests % 2 ? issuer.good(response) : response.destroy());
  await issuer.request(7);
  await yes(driver, token, 'anna');
  assert.ok(driver.countLogged('cannot be had') <= 4);
});

test('https: with the authority that was named, and not without', async (t) => {
  const authority = new Authority(t);
  const { cert, key } = authority.issue('issuer', 'IP:127.0.0.1');
  const signer = newKey('ES256', 'e');
  const issuer = await Issuer.start(t, { cert: readFileSync(cert), key: readFileSync(key) });
  issuer.publish(signer);
  const token = await sign({ sub: 'anna' }, signer);
  const options = { algorithms: ['ES256'], jwks_url: issuer.url };
  await yes(start(t, { ...options, jwks_ca_file: authority.file }), token, 'anna');
  const driver = start(t, options);
  await no(driver, token, '', 'UNAVAILABLE');
  await driver.logged('cannot be had: SSL certificate problem');
});

test('a storm of logins is worked off, each answered once', async (t) => {
  const key = newKey('ES384', 'e'), files = folder(t);
  const driver = start(t, { algorithms: ['ES384'], jwks_file: files.write('keys.json', { keys: [key.jwk] }) }, { timeout: 60000 });
  const tokens = await Promise.all([...Array(20).keys()].map((i) => sign({ sub: `user ${i}` }, key)));
  const answers = await Promise.all([...Array(1000).keys()].map((i) => driver.ask(tokens[i % 20]).then((answer) => {
    assert.equal(answer.status, 'OK', answer.why);
    assert.equal(answer.user, `user ${i % 20}`);
    return answer.n;
  })));
  assert.equal(new Set(answers).size, 1000);
});

test('closed in the middle of a storm: all is given up, nothing hangs', async (t) => {
  const key = newKey('ES512', 'e'), files = folder(t);
  const issuer = await Issuer.start(t);
  issuer.answer = () => {};
  const driver = start(t, { algorithms: ['ES512'], jwks_file: files.write('keys.json', { keys: [key.jwk] }), jwks_url: issuer.url });
  const token = await sign({ sub: 'anna' }, key), unknown = await sign({ sub: 'eve' }, newKey('ES512', 'x'));
  for (let i = 0; i < 500; i++) driver.tell(`token ${i % 2 ? token : unknown}`);
  await driver.stop();
});
