/**
 * The "2FA key" of the administrator's page: shown by its last characters only, saved into the config file with everything
 * else there untouched, and in use at once.
 */
import type { Clock } from './clock.ts';
import { setAuthyKey } from './config/edit.ts';
import type { Env, LoadedConfig } from './config/load.ts';
import { revealed } from './config/secret.ts';
import { isKnownSharedKey } from './config/shared-key.ts';
import { checkAuthyKey } from './factors/authy/authy.ts';
import type { Log } from './log.ts';
import type { Problem } from './profiles/problem.ts';
import type { KeyRefusal, KeySettings, KeyState } from './web/web.ts';

export interface KeySettingsParts {
  readonly configPath: string;
  readonly env: Env;
  readonly clock: Clock;
  readonly log: Log;
  readonly loaded: () => LoadedConfig;
  readonly reload: () => Promise<readonly Problem[]>;
}

export function keySettings(parts: KeySettingsParts): KeySettings {
  const authy = () => parts.loaded().config.factors.authy;
  return {
    state(): KeyState {
      const editable = true; // a key that is set elsewhere is refused by the edit, which says where
      const key = authy()?.apiKey.reveal();
      if (key === undefined) return { set: false, editable };
      return { set: true, ending: key.length < 12 ? '…' : key.slice(-4), shared: isKnownSharedKey(key), editable };
    },

    async save(key, allowSharedKey) {
      const { version } = parts.loaded();
      const edited = await setAuthyKey(parts.configPath, key, { env: parts.env, version, allowSharedKey });
      if (!edited.ok) return refusalOf(edited);
      const problems = await parts.reload();
      const [first] = problems;
      return first === undefined ? { ok: true } : { ok: false, reason: 'file-invalid', detail: first.rule };
    },

    async check() {
      const settings = authy();
      if (settings === undefined) return { ok: false, reason: 'no-key' };
      const found = await checkAuthyKey(revealed(settings), { clock: parts.clock, log: parts.log });
      if (!found.ok) return { ok: false, reason: found.reason === 'misconfigured' ? 'rejected' : 'unavailable' };
      return found.name === undefined ? { ok: true } : { ok: true, application: found.name };
    },
  };
}

function refusalOf(edited: Extract<Awaited<ReturnType<typeof setAuthyKey>>, { ok: false }>): KeyRefusal {
  const [problem] = edited.problems;
  return { ok: false, reason: edited.reason, ...(problem === undefined ? {} : { detail: problem.rule }) };
}
