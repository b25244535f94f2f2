/** A process of the benchmark: bare http-proxy with a keep-alive agent and no check at all. Arguments: port, upstream. */
import http from 'node:http';
import httpProxy from 'http-proxy';

const [port, target = ''] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
const proxy = httpProxy.createProxyServer({ target, agent, xfwd: true });
// An upgrade takes its connection away from an agent for good; it gets one of its own.
const tunnels = httpProxy.createProxyServer({ target, xfwd: true });
const server = http.createServer((request, response) => proxy.web(request, response, {}, () => response.destroy()));
server.on('upgrade', (request, socket, head) => tunnels.ws(request, socket, head, {}, () => socket.destroy()));
server.listen(Number(port), '127.0.0.1');
