// SPDX-License-Identifier: MIT
// What the plugin `jwt` is checked with: `node tests/check/jwt.js FOLDER PORT` writes keys and FOLDER/check.yaml, and
// serves a JWK Set on PORT until it is killed. Its tokens are made by node:crypto alone.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [folder, port, mode] = process.argv.slice(2);
const at = (name) => join(folder, name);

if (mode === 'serve') {
  const { readFileSync } = await import('node:fs');
  createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(readFileSync(at('published.json')));
  }).listen(Number(port), '127.0.0.1', () => console.log('ready'));
} else {
  configure();
}

function configure() {
  const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const join_ = (header, claims, signer) => {
    const text = `${encode({ typ: 'JWT', ...header })}.${encode(claims)}`;
    return `${text}.${signer(text).toString('base64url')}`;
  };
  const secret = 'the secret of the conformance kit, long enough for a hash';
  const hs = (claims, key = secret) => join_({ alg: 'HS256' }, claims, (text) => createHmac('sha256', key).update(text).digest());
  const rsa = (kid) => ({ kid, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) });
  const rs = (claims, { kid, privateKey }) => join_({ alg: 'RS256', kid }, claims, (text) => sign('sha256', text, privateKey));
  const jwks = (...keys) => JSON.stringify({ keys: keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' })) });

  // Forged ones have the name of a key that is there: one that is not would be asked for, now or in a while.
  const [published, first, second, forged] = ['published', 'file', 'file', 'published'].map(rsa);
  writeFileSync(at('published.json'), jwks(published));
  writeFileSync(at('keys.json'), jwks(first));
  writeFileSync(at('first.json'), jwks(first));
  writeFileSync(at('second.json'), jwks(second));

  const now = Math.floor(Date.now() / 1000);
  const good = { exp: now + 3600, aud: 'kit', jti: 'id-1', subscribe: ['room:*'], publish: ['room:{user}'] };
  const serve = `"${process.execPath}" ${new URL(import.meta.url).pathname} ${folder} ${port} serve`;
  writeFileSync(at('check.yaml'), `options:
  algorithms: [HS256, RS256]
  secret: "${secret}"
  audience: kit
  jwks_file: ${at('keys.json')}
  jwks_url: "http://\${BACKEND}/jwks.json"
  jwks_plain_http: true
  jwks_cooldown: 100ms
  jwks_timeout: 500ms
requests:
  - {token: ${hs({ ...good, sub: 'alice' })}, expect: yes, user: alice, away: yes}
  - {token: ${hs({ ...good, sub: 'bob' })}, source: query, expect: yes, user: bob, away: yes}
  - {token: ${rs({ ...good, sub: 'carol' }, first)}, expect: yes, user: carol, away: yes, changed: no}
  - {token: ${rs({ ...good, sub: 'dave' }, second)}, expect: no, changed: yes, user: dave}
  - {token: ${rs({ ...good, sub: 'erin' }, published)}, source: message, expect: yes, user: erin}
  - {token: ${rs({ ...good, sub: 'mallory' }, forged)}, expect: no}
  - {token: ${hs({ ...good, sub: 'mallory' }, 'another secret')}, expect: no}
  - {token: ${hs({ ...good, sub: 'alice', aud: 'others' })}, expect: no}
  - {token: ${hs({ ...good, sub: 'alice', exp: now - 60 })}, expect: expired}
  - {expect: pass}
backend:
  address: 127.0.0.1:${port}
  stop: kill -9 $(cat ${at('pid')})
  pause: kill -STOP $(cat ${at('pid')})
  resume: kill -CONT $(cat ${at('pid')})
  restart: kill -9 $(cat ${at('pid')} 2>/dev/null) 2>/dev/null; ${serve} > /dev/null 2>&1 & echo $! > ${at('pid')}
reload:
  change: cp ${at('second.json')} ${at('keys.json')}
  spoil: echo '{"keys":' > ${at('keys.json')}
  restore: cp ${at('first.json')} ${at('keys.json')}
`);
}
