// SPDX-License-Identifier: MIT
import net from 'node:net';

// A port of loopback that was free a moment ago. Somebody may take it before it is used: who uses it tries again.
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
