/** Whose address counts: the socket's, or what a listed proxy says, from the right. */
import { describe, expect, it } from 'vitest';
import { clientAddress, clientBucket, isInside, parseNetwork, plainAddress } from '../../src/request/client.ts';

const trusted = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'].map(parseNetwork);

describe('clientAddress', () => {
  it.each([
    ['no proxy, no header', '198.51.100.4', undefined, '198.51.100.4'],
    ['a stranger who claims to forward', '198.51.100.4', '10.1.1.1', '198.51.100.4'],
    ['one trusted proxy', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['a spoofed entry on the left', '10.0.0.1', '1.2.3.4, 203.0.113.9', '203.0.113.9'],
    ['two trusted proxies', '10.0.0.1', '1.2.3.4, 203.0.113.9, 192.0.2.7', '203.0.113.9'],
    ['an entry that is no address', '10.0.0.1', '127.0.0.1, x', '10.0.0.1'],
    ['an empty header', '10.0.0.1', '', '10.0.0.1'],
    ['an IPv4 address in IPv6 clothes', '::ffff:10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['IPv6 proxies', '2001:db8::1', '2001:4860::8888', '2001:4860::8888'],
    ['no peer at all', undefined, '203.0.113.9', 'unknown'],
  ])('%s', (_name, peer, header, expected) => {
    expect(clientAddress(plainAddress(peer), header, trusted)).toBe(expected);
  });

  it('believes nobody when no proxy is listed', () => {
    expect(clientAddress('127.0.0.1', '203.0.113.9', [])).toBe('127.0.0.1');
  });
});

describe('parseNetwork', () => {
  it('takes a bare address for exactly that address', () => {
    expect(isInside('192.0.2.7', [parseNetwork('192.0.2.7')])).toBe(true);
    expect(isInside('192.0.2.8', [parseNetwork('192.0.2.7')])).toBe(false);
    expect(isInside('2001:db8::1', [parseNetwork('2001:db8::1')])).toBe(true);
  });
});

describe('clientBucket', () => {
  it('counts an IPv6 customer as one, whatever address of the /64 is used', () => {
    expect(clientBucket('2001:db8:1:2::1')).toBe(clientBucket('2001:db8:1:2:ffff::9'));
    expect(clientBucket('2001:db8:1:2::1')).not.toBe(clientBucket('2001:db8:1:3::1'));
    expect(clientBucket('198.51.100.4')).toBe('198.51.100.4');
  });
});
