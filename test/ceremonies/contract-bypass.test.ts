/** Codes of an administrator, under the contract of every factor. */
import { createBypass } from '../../src/factors/bypass/bypass.ts';
import { BYPASS_MS, type CeremonyWorld } from './ceremony-world.ts';
import { factorContract } from './factor-contract.ts';

factorContract('a code of an administrator', () => ({
  id: 'bypass',
  isBound: false,
  async enrol(world, identity) {
    world.off.delete('bypass');
    await world.enrolTotp(identity);
    return 'bypass';
  },
  right: (world, _session, _way, identity) => {
    world.clock.advance(1000); // one for each second
    return bypass(world).make(identity, world.clock.now()).code;
  },
  wrong: () => '0000-0000-0000-0000-0000',
}));

function bypass({ store }: CeremonyWorld) {
  return createBypass({ life: BYPASS_MS }, { mac: (label, text) => store.mac(label, text) });
}
