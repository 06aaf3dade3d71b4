// SPDX-License-Identifier: MIT
import net from 'node:net';

// Below those that the kernel gives to whoever asks for none (ip_local_port_range), so that a server that a test stops
// finds its port free when it comes back: other tests run beside this one.
const FIRST = 15000;
const LAST = 32000;

function tryPort(port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

// A port of loopback that was free a moment ago. Somebody may take it before it is used: who uses it tries again.
export async function freePort() {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (await tryPort(port)) return port;
  }
}
