import { SharedStore } from '../fakes/shared-store.ts';
import { type SharedKind, twoGateways } from './two-gateways.ts';
import { tokensThroughTwoGateways } from './two-gateways-tokens.ts';

function open(): SharedKind {
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
}

twoGateways('a store in memory', open);
tokensThroughTwoGateways('a store in memory', open);
