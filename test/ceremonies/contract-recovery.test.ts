/** Recovery codes, under the contract of every factor. */
import { factorContract } from './factor-contract.ts';

factorContract('a recovery code', () => {
  const codes = new Map<string, string[]>();
  return {
    id: 'recovery',
    isBound: false,
    async enrol(world, identity) {
      await world.enrolTotp(identity);
      codes.set(identity, [...(await world.giveCodes(identity))]);
      return 'recovery';
    },
    right: (_world, _session, _way, identity) => codes.get(identity)?.shift() ?? '',
    wrong: () => '0000-0000-0000-0000',
  };
});
