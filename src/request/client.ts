/** Who is on the other end? Only the socket, or what a configured proxy says of it, counted from the right (T7, attack 70). Pure. */
import { isIPv4, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';

export type Network = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** A CIDR, or one address. @throws Error when the text is neither; the configuration is checked before. */
export function parseNetwork(text: string): Network {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

export function isInside(address: string, networks: readonly Network[]): boolean {
  if (networks.length === 0 || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return networks.some(([base, bits]) => parsed.kind() === base.kind() && parsed.match(base, bits));
}

/** The address in one spelling: an IPv4 address that came mapped into IPv6 is the IPv4 address. */
export function plainAddress(address: string | undefined): string {
  if (address !== undefined && isIPv4(address)) return address; // it has one spelling only, and nearly every request is one
  if (address === undefined || !ipaddr.isValid(address)) return 'unknown';
  return ipaddr.process(address).toString();
}

const peers = new WeakMap<Socket, string>();

/** The address at the other end, in one spelling; looked up once for each connection. */
export function peerOf(socket: Socket): string {
  let peer = peers.get(socket);
  if (peer === undefined) {
    peer = plainAddress(socket.remoteAddress);
    peers.set(socket, peer);
  }
  return peer;
}

/**
 * @param peer address of the socket, from {@link peerOf}.
 * @param forwardedFor the `X-Forwarded-For` lines joined, as they came.
 * @returns the right-most address that no trusted proxy stands for; the last good one when an entry is no address.
 */
export function clientAddress(peer: string, forwardedFor: string | undefined, trusted: readonly Network[]): string {
  let client = peer;
  if (forwardedFor === undefined) return client;
  const entries = forwardedFor.split(',');
  for (let i = entries.length - 1; i >= 0 && isInside(client, trusted); i--) {
    const entry = (entries[i] ?? '').trim();
    if (!ipaddr.isValid(entry)) break;
    client = plainAddress(entry);
  }
  return client;
}

/**
 * Whether a client is in one of these networks. The address of a proxy is nobody's: it is what is left where a proxy names no
 * client, or one that cannot be read (attack 70).
 */
export function isPlacedIn(client: string, networks: readonly Network[], proxies: readonly Network[]): boolean {
  return isInside(client, networks) && !isInside(client, proxies);
}

/** What a budget per client counts: an address, or the /64 that one IPv6 customer owns. */
export function clientBucket(client: string): string {
  if (!client.includes(':') || !ipaddr.isValid(client)) return client;
  const bytes = ipaddr.parse(client).toByteArray().slice(0, 8);
  return `${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}/64`;
}
