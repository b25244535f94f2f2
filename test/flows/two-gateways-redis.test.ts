import { afterAll, beforeAll } from 'vitest';
import { openKeys } from '../../src/store/keys.ts';
import { openRedisStore } from '../../src/store/redis/open.ts';
import { type RedisProcess, startRedis } from '../fakes/redis-server.ts';
import { newFolder } from '../store/samples.ts';
import { type SharedKind, twoGateways } from './two-gateways.ts';
import { tokensThroughTwoGateways } from './two-gateways-tokens.ts';

let redis: RedisProcess;
let prefixes = 0;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

function open(): SharedKind {
  prefixes += 1;
  const prefix = `t${prefixes}`;
  return {
    async stores(clock) {
      const keyFile = `${await newFolder()}/keys.json`;
      const one = () =>
        openRedisStore({
          server: { kind: 'single', addresses: [{ host: '127.0.0.1', port: redis.port }], database: 0, timeoutMs: 500 },
          prefix,
          clock,
          openKeys: (options) => openKeys(keyFile, options),
        });
      return [await one(), await one()];
    },
    /** The server takes connections and never answers: the worst way to be out of reach. */
    async setDown(down) {
      redis.child.kill(down ? 'SIGSTOP' : 'SIGCONT');
    },
  };
}

twoGateways('Redis', open);
tokensThroughTwoGateways('Redis', open);
