import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ApiClients, makeCredential } from '../../src/request/client-credential.ts';

const REPORTS = makeCredential('reports', randomBytes);
const BACKUP = makeCredential('backup', randomBytes);
const clients = new ApiClients([
  { name: 'reports', hash: REPORTS.hash },
  { name: 'backup', hash: BACKUP.hash },
]);
const secretOf = (credential: string): string => credential.slice(credential.indexOf('.') + 1);

describe('a credential of an API client', () => {
  it('holds 256 random bits, and its hash does not hold them', () => {
    expect(Buffer.from(secretOf(REPORTS.credential), 'base64url')).toHaveLength(32);
    expect(REPORTS.hash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(makeCredential('reports', randomBytes)).not.toEqual(REPORTS);
  });

  it('names the client that it was made for', () => {
    expect(clients.read(REPORTS.credential)).toEqual({ is: 'client', name: 'reports' });
    expect(clients.read(BACKUP.credential)).toEqual({ is: 'client', name: 'backup' });
    expect(clients.read(undefined)).toEqual({ is: 'nobody' });
  });

  it.each([
    ['of another client', `backup.${secretOf(REPORTS.credential)}`, 'backup'],
    [
      'with another ending',
      `${REPORTS.credential.slice(0, -1)}${REPORTS.credential.endsWith('A') ? 'B' : 'A'}`,
      'reports',
    ],
    ['the hash instead', `reports.${REPORTS.hash}`, undefined],
    ['of a client that is not there', makeCredential('ghost', randomBytes).credential, undefined],
    ['a name alone', 'reports.', undefined],
    ['nothing', '', undefined],
    ['with something after it', `${REPORTS.credential} `, undefined],
    ['two lines, joined', `${REPORTS.credential}, ${REPORTS.credential}`, undefined],
    ['a name of every object', `constructor.${secretOf(REPORTS.credential)}`, undefined],
  ])('%s: refused', (_, header, name) => {
    expect(clients.read(header)).toEqual({ is: 'refused', name });
  });

  it('two lines, as a list: refused', () => {
    expect(clients.read([REPORTS.credential, REPORTS.credential])).toEqual({ is: 'refused', name: undefined });
  });
});
