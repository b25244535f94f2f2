/** Codes of an authenticator app, under the contract of every factor. */
import { BOB } from './ceremony-world.ts';
import { factorContract } from './factor-contract.ts';

const OTHERS = 'KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU';

factorContract('totp', () => ({
  id: 'totp',
  isBound: false,
  enrol: (world, identity) => (identity === BOB ? world.enrolTotp(BOB, OTHERS) : world.enrolTotp(identity)),
  right: (world, _session, _way, identity) => world.totp(...(identity === BOB ? [OTHERS] : [])),
  wrong: (world) => world.wrong(),
}));
