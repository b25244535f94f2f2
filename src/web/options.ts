/** What the own pages are built from. They get interfaces only: no factor, no store, no configuration. */
import type { Ceremonies } from '../ceremonies/ceremonies.ts';
import type { Clock } from '../clock.ts';
import type { Session } from '../gate/session.ts';
import type { FactorId, Instant, ReturnPath } from '../gate/types.ts';
import type { Log } from '../log.ts';
import type { Sessions } from '../session/sessions.ts';
import type { KeySettings, Site } from './web.ts';

/** What people sent to addresses that asked for a proof first. */
export interface KeptForms {
  /** Whether one waits for the question that is open in this session. */
  isAwaited(session: Session): Promise<boolean>;
  /** The one that this session may send now. */
  ready(
    session: Session,
  ): Promise<{ readonly target: string; readonly page?: ReturnPath; readonly expiresAt: Instant } | undefined>;
  drop(session: Session): Promise<void>;
}

export interface WebOptions {
  readonly ceremonies: Ceremonies;
  /** For what pages remember between two requests, and for what became of a session meanwhile; rights change in the ceremonies. */
  readonly sessions: Pick<Sessions, 'create' | 'peek' | 'setPage' | 'settled' | 'stands'>;
  readonly kept: KeptForms;
  readonly key: KeySettings;
  readonly site: () => Site;
  /** From `cookieNameFor(publicUrl)`. */
  readonly cookieName: string;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Factors that are on now; a reload may change them. */
  readonly enabledFactors: () => readonly FactorId[];
}
