// SPDX-License-Identifier: MIT
// Keys and JWTs of NATS, as its tools make them: ed25519, written in base32 with a kind before and a checksum behind.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const KINDS = { operator: 14 << 3, account: 0, user: 20 << 3 };
const SEED = 18 << 3;

function base32(bytes) {
  let text = '';
  let bits = 0;
  let count = 0;
  for (const byte of bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 5; count -= 5) text += LETTERS[bits >> (count - 5) & 31];
    bits &= (1 << count) - 1;
  }
  return count ? text + LETTERS[bits << (5 - count) & 31] : text;
}

// CRC-16/XMODEM, little-endian
function checked(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
  }
  return Buffer.concat([bytes, Buffer.from([crc & 255, crc >> 8])]);
}

// { public, seed, sign(bytes) }
export function nkey(kind) {
  const { privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(privateKey.export({ format: 'jwk' }).d, 'base64url');
  const open = Buffer.from(createPublicKey(createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }))).export({ format: 'jwk' }).x, 'base64url');
  const head = Buffer.from([SEED | KINDS[kind] >> 5, (KINDS[kind] & 31) << 3]);
  return {
    public: base32(checked(Buffer.concat([Buffer.from([KINDS[kind]]), open]))),
    seed: base32(checked(Buffer.concat([head, raw]))),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

export function jwt(issuer, subject, name, nats, more = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { jti: `${name}-${now}`, iat: now, iss: issuer.public, sub: subject.public, name, nats: { version: 2, ...nats }, ...more };
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${text}.${issuer.sign(Buffer.from(text)).toString('base64url')}`;
}

export const credentials = (token, key) =>
  `-----BEGIN NATS USER JWT-----\n${token}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${key.seed}\n------END USER NKEY SEED------\n`;
