// SPDX-License-Identifier: MIT
// Tokens that nobody may be let in by, each with the reason why.
import { SECRET, base64url, forge, newKey, now, sign } from './jwt.js';

export const ISSUER = 'https://issuer.example.com', AUDIENCE = 'wshub';
export const claims = (more = {}) => ({ sub: 'anna', iss: ISSUER, aud: AUDIENCE, exp: now() + 600, ...more });
export const HEADER = '{"alg":"HS256","typ":"JWT"}';
export const text = (more = {}) => JSON.stringify(claims(more));
const without = (object, name) => { const { [name]: _, ...rest } = object; return rest; };

export const KEY = 'names a key (kid) that is not known here';
const FIT = "the token's signature does not fit", BASE64 = 'not base64url', TIMES = 'is not a number of seconds';
const NO_ALG = "the token's alg is none that signs";

// Rows of what it is, the token, why not, and the status. For a hub that takes tokens of ISSUER for AUDIENCE with HS256 and
// SECRET, and with RS256 and ES256 and the keys `r` and `e`.
export async function forgeries({ rsa }) {
  const good = await sign(claims(), rsa), [head, body, signature] = good.split('.');
  const hmac = (header, payload) => forge(header, payload ?? text());
  const other = newKey('RS256', 'r'), stranger = newKey('RS256', 'x');
  const swap = (header) => `${base64url(header)}.${body}.${signature}`;
  const rs = (payload, header) => sign(payload, rsa, { header });
  const raw = (payload) => hmac(HEADER, payload);
  const at = (name, value) => raw(text({ [name]: value }));
  const exp = (value) => raw(text().replace(/"exp":\d+/, `"exp":${value}`));
  return [
    // algorithms
    ['alg switched to HS256, signed with the public key as PEM', forge('{"alg":"HS256"}', text(), rsa.pem), FIT],
    ['the same under its kid', forge('{"alg":"HS256","kid":"r"}', text(), rsa.pem), FIT],
    ['the same with the PEM trimmed', forge('{"alg":"HS256"}', text(), rsa.pem.trim()), FIT],
    ['alg switched to HS256, signed with the modulus', forge('{"alg":"HS256"}', text(), Buffer.from(rsa.jwk.n, 'base64url')), FIT],
    ['alg switched to HS256, the signature kept', swap('{"alg":"HS256","kid":"r"}'), FIT],
    ['alg switched to ES256, the signature kept', swap('{"alg":"ES256"}'), FIT],
    ['the key of another algorithm', swap('{"alg":"RS256","kid":"e"}'), 'the key that the token names is not for its alg'],
    ['alg none, without a signature', `${base64url('{"alg":"none"}')}.${body}.`, 'has no signature'],
    ['alg none, with one', swap('{"alg":"none"}'), NO_ALG],
    ['alg None', swap('{"alg":"None"}'), NO_ALG],
    ['alg NONE', swap('{"alg":"NONE"}'), NO_ALG],
    ['alg rs256', swap('{"alg":"rs256"}'), NO_ALG],
    ['alg empty', swap('{"alg":""}'), NO_ALG],
    ['alg missing', swap('{"typ":"JWT"}'), NO_ALG],
    ['alg a list', swap('{"alg":["RS256"]}'), NO_ALG],
    ['alg twice', swap('{"alg":"RS256","alg":"none"}'), 'header is not a JSON object with each name once'],
    ['an alg that is not configured', forge('{"alg":"HS512"}', text(), SECRET, 'sha512'), 'not one of `algorithms`'],
    ['an alg that nobody has', swap('{"alg":"XS256"}'), NO_ALG],
    // signatures
    ['the signature stripped with its dot', `${head}.${body}`, 'has no signature'],
    ['the signature stripped', `${head}.${body}.`, 'has no signature'],
    ['the signature truncated', `${head}.${body}.${signature.slice(0, 40)}`, FIT],
    ['the signature truncated by a character', `${head}.${body}.${signature.slice(0, -1)}`, ''],
    ['the signature with more behind it', `${good}AAAA`, FIT],
    ['the signature of other claims', `${head}.${base64url(text({ sub: 'root' }))}.${signature}`, FIT],
    ['a signature of zeroes', `${head}.${body}.${base64url(Buffer.alloc(256))}`, FIT],
    ['an ECDSA signature of zeroes', `${base64url('{"alg":"ES256","kid":"e"}')}.${body}.${base64url(Buffer.alloc(64))}`, FIT],
    ['an ECDSA signature in DER', `${base64url('{"alg":"ES256","kid":"e"}')}.${body}.${base64url(Buffer.from('3006020101020101', 'hex'))}`, FIT],
    ['the last bits of the signature changed', `${head}.${body}.${signature.slice(0, -1)}${signature.endsWith('B') ? 'C' : 'B'}`, ''],
    // keys
    ['another key under the same kid', await sign(claims(), other), FIT],
    ['another secret', forge(HEADER, text(), 'x'.repeat(64)), FIT],
    ['an empty secret', forge(HEADER, text(), ''), FIT],
    ['an unknown kid', await sign(claims(), stranger), KEY],
    ['its own key in the header (jwk)', await sign(claims(), other, { header: { jwk: other.jwk } }), FIT],
    ['its own url in the header (jku)', await sign(claims(), stranger, { header: { jku: 'http://127.0.0.1:1/' } }), KEY],
    ['a kid that is a path', swap('{"alg":"RS256","kid":"../../../../../etc/passwd"}'), KEY],
    ['a kid that is an empty file', forge('{"alg":"HS256","kid":"/dev/null"}', text(), ''), FIT],
    ['a kid that is SQL', swap(`{"alg":"RS256","kid":"' OR '1'='1"}`), KEY],
    ['a kid that is a command', swap('{"alg":"RS256","kid":"r|id"}'), KEY],
    ['a kid with a NUL', swap('{"alg":"RS256","kid":"r\\u0000"}'), 'header is not a JSON object'],
    ['a kid that is a number', swap('{"alg":"RS256","kid":1}'), 'kid is not a text'],
    ['a kid that is an object', swap('{"alg":"RS256","kid":{}}'), 'kid is not a text'],
    // times
    ['expired by a second', await rs(claims({ exp: now() - 1 })), 'has expired', 'EXPIRED'],
    ['expired this second', await rs(claims({ exp: now() })), 'has expired', 'EXPIRED'],
    ['expired long ago', exp('-1'), 'has expired', 'EXPIRED'],
    ['expired in 1970', exp('0'), 'has expired', 'EXPIRED'],
    ['without exp', raw(JSON.stringify(without(claims(), 'exp'))), 'exp is missing'],
    ['exp a text', exp('"9999999999"'), TIMES],
    ['exp null', exp('null'), TIMES],
    ['exp true', exp('true'), TIMES],
    ['exp in milliseconds', exp(String(Date.now() + 600000)), 'not milliseconds'],
    ['exp beyond all', exp('1e300'), 'beyond the year 9999'],
    ['exp infinite', exp('1e999'), 'claims are not a JSON object'],
    ['exp twice', raw(text().replace('"exp"', '"exp":1,"exp"')), 'each name once'],
    ['not yet valid', await rs(claims({ nbf: now() + 60 })), 'not valid yet'],
    ['nbf a text', at('nbf', '0'), TIMES],
    ['issued tomorrow', await rs(claims({ iat: now() + 86400 })), 'issued in the future'],
    ['iat a text', at('iat', 'now'), TIMES],
    // for whom, and by whom
    ['for another audience', await rs(claims({ aud: 'shop' })), 'aud is not one of'],
    ['for other audiences', await rs(claims({ aud: ['shop', 'wshub2', 'wshu'] })), 'aud is not one of'],
    ['for nobody', await rs(without(claims(), 'aud')), 'aud is not one of'],
    ['aud an object', at('aud', { wshub: true }), 'aud is not one of'],
    ['aud both names in one', at('aud', 'wshub api'), 'aud is not one of'],
    ['by another issuer', await rs(claims({ iss: 'https://evil.example.com' })), 'iss is not one of'],
    ['by an issuer that begins like it', await rs(claims({ iss: ISSUER + '.evil.com' })), 'iss is not one of'],
    ['by nobody', await rs(without(claims(), 'iss')), 'iss is not one of'],
    ['iss a list', at('iss', [ISSUER]), 'iss is not one of'],
    // claims
    ['sub twice', raw(text().replace('{', '{"sub":"root",')), 'each name once'],
    ['sub twice, one escaped', raw(text().replace('{', '{"\\u0073ub":"root",')), 'each name once'],
    ['a name twice, deep down', raw(text().replace('{', '{"a":{"b":[{"c":1,"c":2}]},')), 'each name once'],
    ['claims that are a text', raw('"anna"'), 'claims are not a JSON object'],
    ['claims that are a list', raw('[]'), 'claims are not a JSON object'],
    ['claims that are empty', raw(''), 'claims are not a JSON object'],
    ['claims with more behind them', raw(text() + '{}'), 'claims are not a JSON object'],
    ['claims that are not UTF-8', raw(Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0xff]), Buffer.from(text().slice(1))])), 'claims are not a JSON object'],
    ['claims nested three thousand deep', raw(`{"a":${'['.repeat(2900)}${']'.repeat(2900)}}`), 'claims are not a JSON object'],
    ['no user', raw(JSON.stringify(without(claims(), 'sub'))), '"sub" is missing'],
    ['an empty user', at('sub', ''), '"sub" is not a text of 1 to 255'],
    ['a long user', at('sub', 'x'.repeat(256)), '"sub" is not a text of 1 to 255'],
    ['a user with a line feed', at('sub', 'anna\nbert'), '"sub" is not a text of 1 to 255'],
    ['a user with a control character of Latin-1', at('sub', 'anna\u0085'), '"sub" is not a text of 1 to 255'],
    ['a user with a NUL', at('sub', 'anna\u0000'), 'claims are not a JSON object'],
    ['a user that is true', at('sub', true), '"sub" is not a text of 1 to 255'],
    ['a user that is an object', at('sub', {}), '"sub" is not a text of 1 to 255'],
    ['a token id that is a number', at('jti', 7), '"jti" is not a text'],
    ['grants that are an object', at('subscribe', {}), '"subscribe" is neither a list'],
    ['grants that are true', at('publish', true), '"publish" is neither a list'],
    ['grants with a number among them', at('publish', ['a', 1]), 'something else than texts'],
    ['an empty grant', at('subscribe', ['a', '']), 'has a pattern that is empty'],
    ['too many grants', at('subscribe', 'a '.repeat(1025)), 'more than 1,024 patterns'],
    // base64
    ['padding', `${head}.${body}.${signature}=`, BASE64],
    ['the other alphabet', `${head}.${body}.${signature.slice(0, -4)}+/+/`, BASE64],
    ['a blank', `${head}.${body}. ${signature}`, BASE64],
    ['a character too many', `${head}.${base64url('abc')}A.${signature}`, BASE64],
    ['bits that mean nothing', `${head}.${base64url('ab').slice(0, -1)}J.${signature}`, BASE64],
    ['nothing between the dots', `${head}..${signature}`, 'claims are not a JSON object'],
    ['a header with rubbish', `ey!!.${body}.${signature}`, BASE64],
    ['a header that is cut', `${base64url('{"alg":"HS')}.${body}.${signature}`, 'header is not a JSON object'],
    ['a header that is no object any more', `ewA.${body}.${signature}`, 'header is not a JSON object'],
    // shapes
    ['huge', `${head}.${base64url('x'.repeat(8192))}.${signature}`, 'larger than `max_size`'],
    ['encrypted', `${head}.a.b.c.d`, 'more than three parts'],
    ['four parts', `${good}.AAAA`, 'more than three parts'],
    ['nested', hmac('{"alg":"HS256","cty":"JWT"}', good), 'holds another token'],
    ['nested, without saying so', hmac(HEADER, good), 'claims are not a JSON object'],
    ['something critical', hmac('{"alg":"HS256","crit":["exp"],"exp":1}'), 'demands something (crit)'],
    ['an unencoded payload', hmac('{"alg":"HS256","b64":false,"crit":["b64"]}'), 'demands something (crit)'],
    ['made to log out with', hmac('{"alg":"HS256","typ":"logout+jwt"}'), 'made for another purpose'],
    ['typ a number', hmac('{"alg":"HS256","typ":1}'), 'made for another purpose'],
    // not for this plugin
    ['an API key', 'sk_live_0123456789', 'not a JWT', 'PASS'],
    ['something with dots', 'SG.abc.def', 'not a JWT', 'PASS'],
    ['a dot', '.', 'not a JWT', 'PASS'],
  ];
}
