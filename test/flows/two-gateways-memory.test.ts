import { SharedStore } from '../fakes/shared-store.ts';
import { type SharedKind, twoGateways } from './two-gateways.ts';

twoGateways('a store in memory', (): SharedKind => {
  let shared: SharedStore | undefined;
  return {
    async stores(clock) {
      shared = new SharedStore(clock);
      return [shared.member(), shared.member()];
    },
    async setDown(down) {
      shared?.setDown(down);
    },
  };
});
