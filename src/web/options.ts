/** What the own pages are built from. They get interfaces only: no factor, no store, no configuration. */
import type { Ceremonies } from '../ceremonies/ceremonies.ts';
import type { Clock } from '../clock.ts';
import type { FactorId } from '../gate/types.ts';
import type { Log } from '../log.ts';
import type { Sessions } from '../session/sessions.ts';
import type { KeySettings, Site } from './web.ts';

export interface WebOptions {
  readonly ceremonies: Ceremonies;
  /** For what pages remember between two requests, and for what became of a session meanwhile; rights change in the ceremonies. */
  readonly sessions: Pick<Sessions, 'peek' | 'setPage' | 'settled' | 'stands'>;
  readonly key: KeySettings;
  readonly site: () => Site;
  /** From `cookieNameFor(publicUrl)`. */
  readonly cookieName: string;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Factors that are on now; a reload may change them. */
  readonly enabledFactors: () => readonly FactorId[];
}
