import { describe, expect, it } from 'vitest';
import type { Identity } from '../../src/gate/types.ts';
import { compileAuthorization } from '../../src/profiles/authorization.ts';
import { compileIdentity } from '../../src/profiles/identity.ts';

const ALICE = 'alice' as Identity;
const identify = compileIdentity({ normalise: ['trim', 'nfkc'], hint: 'match' });
const sameUser = compileAuthorization('same-user', identify);
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('Authorization in a verified session', () => {
  it('stays behind, or goes along, as the profile says', () => {
    expect(compileAuthorization('none', identify)([basic('alice:x')], ALICE)).toBe('dropped');
    expect(compileAuthorization('any', identify)(['Bearer x'], ALICE)).toBe('own');
    expect(sameUser([], ALICE)).toBe('own');
  });

  it.each([
    ['the person', [basic('alice:secret')]],
    ['a password with a colon', [basic('alice:a:b')]],
    ['no password', [basic('alice:')]],
    ['small letters', [basic('alice:x').replace('Basic', 'basic')]],
  ])('same-user: %s goes along', (_, lines) => expect(sameUser(lines, ALICE)).toBe('own'));

  it.each([
    ['another person', [basic('bob:secret')]],
    ['another case, which may be another account', [basic('Alice:secret')]],
    ['two lines', [basic('alice:x'), basic('bob:x')]],
    ['twice the same', [basic('alice:x'), basic('alice:x')]],
    ['a token', ['Bearer eyJhbGciOiJIUzI1NiJ9']],
    ['Digest, whose user stands elsewhere', ['Digest username="alice"']],
    ['two in one line', [`${basic('alice:x')}, ${basic('bob:x')}`]],
    ['no colon', [basic('alice')]],
    ['no base64', ['Basic alice:x']],
    ['base64 with bits left over', [`${basic('alice:xx').slice(0, -2)}B=`]],
    ['bytes that are no text', [`Basic ${Buffer.from([0xff, 0x3a]).toString('base64')}`]],
    ['nothing', ['']],
    ['a control character', [basic('ali\u0000ce:x')]],
  ])('same-user: %s is refused', (_, lines) => expect(sameUser(lines, ALICE)).toBe('foreign'));
});
