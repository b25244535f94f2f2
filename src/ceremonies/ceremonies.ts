/**
 * What a person (or an administrator) can do, as the pages see it. Implemented beside this file; a page never touches a
 * factor, a counter or the store by itself. Whose account it is comes from the session, never from a request (I4).
 */
import type { AnswerKind, Callback, Channel, Disclosure, Instructions } from '../factors/factor.ts';
import type { ClientFacts, FactorId, Identity, Instant, Json, PolicyLevel, ReturnPath } from '../gate/types.ts';
import type { BrowserCookie } from '../session/browser-cookie.ts';
import type { LiveSession } from '../session/live.ts';
import type { Issued } from '../session/sessions.ts';
import type { AuditEvent, Deed } from './audit.ts';
import type { ServiceHealth } from './health.ts';
import type { Happening, Occasion } from './notifying.ts';
import type { Refusal } from './outcomes.ts';

/** One way to answer the prompt: a factor that this identity has and that is on now. */
export interface Way {
  /** Id of the enrolment; harmless in a form, because it is looked up among the session's own. */
  readonly id: string;
  readonly factor: FactorId;
  readonly answer: AnswerKind;
  readonly digits: { readonly min: number; readonly max: number };
  readonly channels: readonly Channel[];
  /** Last two digits of the number a code can be sent to. */
  readonly ending?: string;
  /** The open question for a key, for the page's script; absent when there is none, or none could be made. */
  readonly shown?: Json;
}

export interface Prompt {
  readonly identity: Identity;
  readonly ways: readonly Way[];
  /** When the pending login ends. */
  readonly expiresAt: Instant;
  /** A guess may be made from then on; absent when now. */
  readonly pausedUntil?: Instant;
  /** Whether this is a fresh proof inside a verified session. */
  readonly isStepUp: boolean;
  /** For how long this browser may be trusted, in ms; absent when it may not. */
  readonly trustMs?: number;
}

export interface Prover {
  /** What the prompt of this session shows, or a refusal when nothing is asked of it. */
  prompt(session: LiveSession): Promise<({ readonly ok: true } & Prompt) | Refusal>;
  /** Sends a code for one way. `insist`: a text although an app is registered. Never a side effect of a GET. */
  send(session: LiveSession, way: string, channel: Channel, insist: boolean): Promise<Sent | Refusal>;
  /**
   * Checks an answer. On success the session has a new id and new rights; the cookie must be set with `issued.id`.
   * @param trust whether the person wants this browser trusted from now on; without effect where `trustMs` is absent
   */
  prove(session: LiveSession, way: string, answer: unknown, trust?: boolean): Promise<Proved | Refusal>;
  /**
   * Asks how a request in an app stands, and lets an approved one in. From a form only: rights never rise on a GET.
   * @returns the refusal `push-waiting` as long as nobody has answered it.
   */
  look(session: LiveSession, way: string, trust?: boolean): Promise<Proved | Refusal>;
  /** What the page shows that waits for a request in an app to be answered. Asks how it stands; lets nobody in. */
  waiting(session: LiveSession, way: string): Promise<Waiting | Refusal>;
  /** Asks a verified session for a fresh proof before it goes on to an own page. */
  stepUp(session: LiveSession, returnTo: ReturnPath): Promise<Issued>;
  /** Ends a pending login, here and in the application. For a step-up: forgets the question, keeps the session. */
  cancel(session: LiveSession): Promise<void>;
  /** Ends the session, here and in the application. */
  signOut(session: LiveSession): Promise<void>;
}

export interface Sent {
  readonly ok: true;
  readonly channel: Channel;
  readonly ending?: string;
  /** When the next one may be sent. */
  readonly nextAt: Instant;
}

export interface Waiting {
  readonly ok: true;
  /** What the app shows as well. */
  readonly shown?: Json;
  /** Until then it can be answered. */
  readonly until: Instant;
  /** `look` will say how it was answered. */
  readonly isAnswered: boolean;
}

export interface Proved {
  readonly ok: true;
  readonly issued: Issued;
  readonly returnTo: ReturnPath;
  /** After a recovery code: how many are left. Whoever used one has lost something, and is led to the account first. */
  readonly codesLeft?: number;
  /** A code of an administrator was used; then as well. */
  readonly usedBypass?: true;
  /** The browser is trusted from now on, by this cookie. */
  readonly browser?: BrowserCookie;
}

export interface Account {
  readonly identity: Identity;
  readonly level: PolicyLevel;
  readonly phone?: { readonly international: string; readonly country: string; readonly national: string };
  readonly enrolled: readonly Enrolled[];
  /** Factors that are on and could be added now. */
  readonly available: readonly Available[];
  /** Nothing can be set up before a ticket was shown; see {@link Enroller.showTicket}. */
  readonly needsTicket: boolean;
  /** Where a code can be sent that stands for a ticket; see {@link Enroller.sendToKnown}. */
  readonly known: readonly KnownAddress[];
  /** The first method is demanded but may be put off until then; see {@link Enroller.postpone}. */
  readonly mayWaitUntil?: Instant;
  /** What is left of the recovery codes; absent when they are off, or nothing is enrolled that they could stand in for. */
  readonly recovery?: { readonly left: number; readonly madeAt?: Instant };
  /** A factor that waits for its first code. */
  readonly draft?: FactorId;
  /** Whether changing factors needs a fresh proof first; the pages then lead to the prompt. */
  readonly needsProof: boolean;
}

export type KnownChannel = 'email' | 'sms';

/** An address or number that an administrator knows of a person. */
export interface KnownAddress {
  readonly channel: KnownChannel;
  /** The kind of factor that sends there. */
  readonly factor: FactorId;
  /** Not whole: `a•••@example.com`, or the last two digits. */
  readonly shown: string;
  readonly digits: { readonly min: number; readonly max: number };
}

export interface Enrolled {
  readonly id: string;
  readonly factor: FactorId;
  readonly createdAt: Instant;
  readonly lastUsedAt?: Instant;
  readonly ending?: string;
  /** Given by the person. */
  readonly name?: string;
  /** Whether a key may be on several devices; absent where that is no question. */
  readonly isSynced?: boolean;
  readonly mayRemove: boolean;
  /** One of several of its kind, which a person tells apart by their names. */
  readonly mayRename: boolean;
}

export interface Available {
  readonly factor: FactorId;
  /** The outside service, as people should read it; absent when nothing leaves the machine. */
  readonly provider?: string;
  readonly discloses: readonly Disclosure[];
  readonly needsPhone: boolean;
  /** Already enrolled: adding it replaces the old one. */
  readonly replaces: boolean;
}

export interface DraftView {
  readonly factor: FactorId;
  readonly provider?: string;
  readonly answer: AnswerKind;
  readonly digits: { readonly min: number; readonly max: number };
  readonly channels: readonly Channel[];
  readonly instructions: Instructions;
  /** As in {@link Way}. */
  readonly shown?: Json;
}

export interface Confirmed {
  readonly ok: true;
  readonly factor: FactorId;
  /** Recovery codes, made with the first factor; shown now and never again. */
  readonly codes?: readonly string[];
}

/** Sessions in `enrolling`, and verified ones with a fresh proof where a factor exists, may come here. */
export interface Enroller {
  account(session: LiveSession): Promise<Account>;
  /** @param input as typed; at most 100 characters are looked at. */
  savePhone(session: LiveSession, input: { country: string; number: string }): Promise<{ readonly ok: true } | Refusal>;
  /** Starts a factor: after the person saw what is sent to whom. An older draft is forgotten. */
  begin(session: LiveSession, factor: FactorId): Promise<{ readonly ok: true } | Refusal>;
  draft(session: LiveSession): Promise<DraftView | undefined>;
  sendToDraft(session: LiveSession, channel: Channel, insist: boolean): Promise<Sent | Refusal>;
  /**
   * Makes the draft a factor with its first right answer. Then every session of the identity ends, this one too, here and
   * in the application: the next login asks for it.
   * @param name what the person calls it; empty is none.
   */
  confirm(session: LiveSession, answer: unknown, name?: string): Promise<Confirmed | Refusal>;
  discard(session: LiveSession): Promise<void>;
  /**
   * Takes an enrolment ticket: from then on this session, and no other, may set up the first method. It is used up by that.
   * @param typed as typed; at most 100 characters are looked at
   */
  showTicket(session: LiveSession, typed: string): Promise<{ readonly ok: true } | Refusal>;
  /** Sends a code to an address that an administrator knows; the right one is as good as a ticket, for this session. */
  sendToKnown(session: LiveSession, channel: KnownChannel): Promise<Sent | Refusal>;
  proveKnown(session: LiveSession, channel: KnownChannel, answer: unknown): Promise<{ readonly ok: true } | Refusal>;
  /**
   * “Not now”: lets somebody in who owes a first factor, as long as the policy gives them time for it. The session ends with
   * that time. The cookie must be set with `issued.id`.
   */
  postpone(session: LiveSession): Promise<Proved | Refusal>;
  /** Makes new recovery codes; the old ones are void in the same write. They can be shown now and never again. */
  makeCodes(session: LiveSession): Promise<{ readonly ok: true; readonly codes: readonly string[] } | Refusal>;
  /** Changes the name of one of several; empty is none. Nothing else changes, and nobody is signed out. */
  rename(session: LiveSession, enrolment: string, name: string): Promise<{ readonly ok: true } | Refusal>;
  /** Removes a factor; other sessions of the identity end. */
  remove(session: LiveSession, enrolment: string): Promise<{ readonly ok: true } | Refusal>;
}

export type { AuditEvent, Deed, Happening, Occasion };

/** One of the places where a person is signed in. */
export interface OwnSession {
  /** Harmless in a form: it is looked up among the person's own. */
  readonly id: string;
  readonly isThis: boolean;
  /** False for a login that owes its factor. */
  readonly isVerified: boolean;
  readonly signedInAt: Instant;
  readonly seenAt: Instant;
  readonly from?: ClientFacts;
}

/** A browser that stands for a factor. */
export interface OwnBrowser {
  /** Harmless in a form, as above. */
  readonly id: string;
  readonly isThis: boolean;
  readonly trustedAt: Instant;
  readonly usedAt: Instant;
  readonly until: Instant;
  /** Of its last login. */
  readonly from: ClientFacts;
}

/** For verified sessions; all others see nothing and end nothing. */
export interface SelfService {
  /** This one first, then the one that was seen last. */
  sessions(session: LiveSession): Promise<readonly OwnSession[]>;
  /** Newest first. */
  events(session: LiveSession): Promise<readonly Occasion[]>;
  /** Ends one other session of the person, here and in the application. @returns how many that were: none when it is gone. */
  endSession(session: LiveSession, id: string): Promise<{ readonly ok: true; readonly count: number } | Refusal>;
  /** And no browser but this one is trusted any more. @param brought as below */
  endOthers(session: LiveSession, brought?: string): Promise<{ readonly ok: true; readonly count: number } | Refusal>;
  /** The one that was used last first. @param brought what this browser keeps, by which it is known as this one */
  browsers(session: LiveSession, brought: string | undefined): Promise<readonly OwnBrowser[]>;
  /** Stops trusting one of the person's browsers, or all; what they opened ends. @param id `undefined`: all */
  forgetBrowsers(
    session: LiveSession,
    id: string | undefined,
    brought: string | undefined,
  ): Promise<{ readonly ok: true; readonly count: number; readonly isThis: boolean } | Refusal>;
}

/** `none`: no method. `weak`: only codes by text or e-mail. `no-codes`: a method, and no recovery code left. */
export const USER_FILTERS = ['all', 'none', 'weak', 'no-codes', 'locked'] as const;
export type UserFilter = (typeof USER_FILTERS)[number];

export interface UserRow {
  readonly identity: Identity;
  readonly factors: readonly FactorId[];
  readonly level: PolicyLevel;
  readonly sessions: number;
  /** Trusted browsers; absent where there are none. */
  readonly browsers?: number;
  readonly lock: 'none' | 'paused' | 'locked';
  /** Has no factor, and gets none without a ticket. */
  readonly needsTicket: boolean;
  /** Absent where recovery codes are off, or there is nothing that they could stand in for. */
  readonly codesLeft?: number;
  /** Owes a first method, and may put it off until then. */
  readonly mayWaitUntil?: Instant;
  /** Is asked for a method, and may get round it once with a code of an administrator. */
  readonly mayBypass: boolean;
  readonly pausedUntil?: Instant;
}

/** People who have one factor and no other. */
export interface Dependants {
  readonly ok: true;
  readonly rows: readonly { readonly identity: Identity; readonly lastUsedAt?: Instant }[];
  readonly total: number;
  readonly pageSize: number;
}

/** Each call checks by itself that the session is an administrator's, verified by a factor; changes need a fresh proof. */
export interface Administration {
  isAdministrator(session: LiveSession): boolean;
  /** On the list, and let in by what stands for a factor: a proof makes it an administrator's session. */
  mayProve(session: LiveSession): boolean;
  users(
    session: LiveSession,
    search: string,
    page: number,
    only: UserFilter,
  ): Promise<{ readonly ok: true; readonly rows: readonly UserRow[]; readonly total: number } | Refusal>;
  /** Who has this factor and nothing else. @param page from 1 on */
  dependants(session: LiveSession, factor: FactorId, search: string, page: number): Promise<Dependants | Refusal>;
  /** Removes all factors of an identity and ends its sessions. */
  reset(session: LiveSession, identity: string, reason: string): Promise<{ readonly ok: true } | Refusal>;
  /** A ticket for an account without a factor, also one that nobody signed in to yet. It is told once and kept nowhere. */
  makeTicket(
    session: LiveSession,
    identity: string,
    reason: string,
  ): Promise<
    { readonly ok: true; readonly identity: Identity; readonly ticket: string; readonly until: Instant } | Refusal
  >;
  /**
   * A code that lets somebody in once who lost every method; the person is told of it. It is told once and kept nowhere, and
   * voids the ones before it.
   */
  makeBypass(
    session: LiveSession,
    identity: string,
    reason: string,
  ): Promise<
    { readonly ok: true; readonly identity: Identity; readonly code: string; readonly until: Instant } | Refusal
  >;
  /** Takes the pause or lock off. */
  unlock(session: LiveSession, identity: string, reason: string): Promise<{ readonly ok: true } | Refusal>;
  endSessions(
    session: LiveSession,
    identity: string,
    reason: string,
  ): Promise<{ readonly ok: true; readonly count: number } | Refusal>;
}

export interface Report {
  readonly sends: {
    /** Texts and calls of the last 24 hours, and how many may be. */
    readonly today: number;
    readonly most: number;
    /** None is sent before then. */
    readonly stoppedUntil?: Instant;
    /** Of the last hour. */
    readonly countries: readonly { readonly country: string; readonly count: number }[];
    readonly mostForCountry: number;
  };
  /** Outside services that are on, as the process that answers saw them. */
  readonly services: readonly (ServiceHealth & { readonly provider?: string })[];
  /** Newest first. */
  readonly events: readonly AuditEvent[];
  readonly hasMore: boolean;
}

/** For administrators alone; the change needs a fresh proof and a reason. */
export interface Reporting {
  report(session: LiveSession, page: number): Promise<({ readonly ok: true } & Report) | Refusal>;
  /** Lets texts and calls be sent again that the limit of the day has stopped; the count starts anew. */
  liftStop(session: LiveSession, reason: string): Promise<{ readonly ok: true } | Refusal>;
}

/** What happened to an account while its owner was away, and no mail has told. */
export interface News {
  /** Newest first. Never throws. */
  unseen(session: LiveSession): Promise<readonly Occasion[]>;
  /** The person has read it. */
  seen(session: LiveSession): Promise<void>;
}

/** Somebody before the door: nothing of it is proved. */
export interface Arriving {
  /** As typed. */
  readonly name: string;
  readonly from: ClientFacts;
  /** Where they wanted to go. */
  readonly returnTo: ReturnPath;
}

export type Spare = 'recovery-code' | 'bypass-code';

/** The way in where the factor comes before the application. Each call is for an anonymous session, and counted for the address. */
export interface Entrance {
  /** Whether there is such a way at all; where there is none, every call is refused. */
  isOpen(): boolean;
  /** Codes that stand in for a lost method and are taken here, whoever has one. */
  spares(): readonly Spare[];
  enter(session: LiveSession, who: Arriving, code: unknown): Promise<Proved | Refusal>;
  /** What the key of this name is asked; a name without one gets a question too, which no key answers. */
  question(session: LiveSession, who: Arriving): Promise<{ readonly ok: true; readonly shown: Json } | Refusal>;
  enterWithKey(session: LiveSession, who: Arriving, response: unknown): Promise<Proved | Refusal>;
  /** Leads to where the first method is set up. */
  showTicket(
    session: LiveSession,
    who: Arriving,
    ticket: string,
  ): Promise<{ readonly ok: true; readonly issued: Issued } | Refusal>;
}

/**
 * `later`: nothing has changed, and the same call may be made again. A call about a request that nobody knows is heard like any
 * other.
 */
export type Hearing =
  | { readonly is: 'heard' | 'later' }
  | { readonly is: 'refused'; readonly reason: 'malformed' | 'signature' | 'old' | 'early' | 'replayed' };

/** Calls of providers to us. They are hints: what they lead to is that the provider is asked. */
export interface Callbacks {
  /** Whether the provider of this factor may call. */
  isOpen(factor: string): boolean;
  /** @throws StoreError */
  hear(factor: string, callback: Callback): Promise<Hearing>;
}

export interface Ceremonies {
  readonly entrance: Entrance;
  readonly news: News;
  readonly prover: Prover;
  readonly enroller: Enroller;
  readonly administration: Administration;
  readonly reporting: Reporting;
  readonly selfService: SelfService;
}
