// SPDX-License-Identifier: MIT
// Authorities and certificates for a test, made by openssl in a folder of the test's own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './cleanup.js';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });

export class Authority {
  constructor(t) {
    this.directory = mkdtempSync(join(tmpdir(), 'wshub-tls-'));
    atEnd(t, () => rmSync(this.directory, { recursive: true, force: true }));
    this.key = join(this.directory, 'ca.key');
    this.file = join(this.directory, 'ca.pem');
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=test authority', '-keyout', this.key, '-out', this.file);
  }

  // { cert, key }: files. `names`: as in a subjectAltName, "DNS:localhost,IP:127.0.0.1".
  issue(name, names) {
    const at = (end) => join(this.directory, `${name}.${end}`);
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${name}`,
      '-keyout', at('key'), '-out', at('csr'));
    writeFileSync(at('ext'), `subjectAltName=${names}\n`);
    openssl('x509', '-req', '-in', at('csr'), '-CA', this.file, '-CAkey', this.key, '-CAcreateserial', '-days', '2',
      '-extfile', at('ext'), '-out', at('pem'));
    return { cert: at('pem'), key: at('key') };
  }
}
