/** Codes of the Authy app, judged by the service over the wire, under the contract of every factor. */
import type { Failure } from '../../src/demo/stand-in-authy.ts';
import { BOB, type CeremonyWorld } from './ceremony-world.ts';
import { factorContract } from './factor-contract.ts';

const fail = (failure: Failure) => (world: CeremonyWorld) => world.authy.fail(failure, 'verify');
const ids = new Map<string, string>();

factorContract('authy', () => ({
  id: 'authy',
  isBound: false,
  async enrol(world, identity) {
    const { way, authyId } = await world.enrolAuthy(identity, identity === BOB ? '791234568' : '791234567');
    world.authy.register(authyId);
    ids.set(identity, authyId);
    return way;
  },
  right: (world, _session, _way, identity) => world.authy.appToken(ids.get(identity) ?? ''),
  wrong: () => '1234567',
  failures: [
    ['500', fail({ status: 500, body: { success: 'true', token: 'is valid' } })],
    ['429', fail({ status: 429, body: { success: false, error_code: '60003' } })],
    ['a page', fail({ status: 200, body: '<html>down</html>', contentType: 'text/html' })],
    ['success without a word', fail({ status: 200, body: { success: true } })],
    ['a wrong key', fail({ status: 401, body: { success: false, error_code: '60001' } })],
    ['an unknown user', fail({ status: 404, body: { success: false, error_code: '60026' } })],
    ['a cut answer', fail({ status: 200, body: { success: 'true', token: 'is valid' }, cut: true })],
  ],
}));
