/** What each template gets, field by field. Templates throw on a name that is missing here, so the two cannot drift apart. */
import type { Spare } from '../ceremonies/ceremonies.ts';
import type { AnswerKind } from '../factors/factor.ts';
import type { Country } from '../phone/phone.ts';
import type { ShownTime } from './times.ts';

export interface ErrorView {
  /** Id of the field it belongs to, or empty. */
  readonly field: string;
  readonly first: string;
  readonly more: readonly string[];
}

/** One person, one way to go on. */
export interface LinkView {
  readonly href: string;
  readonly text: string;
}

export interface SendView {
  readonly channel: string;
  readonly text: string;
  readonly insist: boolean;
}

/** What was sent last for the way that is shown; `seconds` until another one may be asked for, 0 when now. */
export interface DispatchView {
  /** Heading of the page: where to look. */
  readonly heading: string;
  readonly text: string;
  readonly seconds: number;
  readonly secondsText: string;
  readonly nextAt: ShownTime | false;
  readonly bySms: boolean;
}

export interface CodeFormView {
  /** Names the part of the form that takes the answer: `templates/prompt/<answer>.njk`. */
  readonly answer: AnswerKind;
  /** Why it cannot be used where script does not run, or empty where it needs none. */
  readonly needsScript: string;
  /** What the script asks a key, as JSON, or empty. */
  readonly question: string;
  readonly hint: string;
  readonly error: ErrorView | false;
  readonly dispatch: DispatchView | false;
  /** Nothing was sent yet, and without it there is no code. */
  readonly sendsFirst: boolean;
  /** Above the buttons, before anything was sent. */
  readonly sendTitle: string;
  readonly sends: readonly SendView[];
}

/** “Do not ask again in this browser”. */
export interface TrustView {
  readonly text: string;
  readonly isTicked: boolean;
}

export interface ChallengeView extends CodeFormView {
  readonly heading: string;
  readonly identity: string;
  readonly way: string;
  readonly others: readonly LinkView[];
  /** Label of the button that sends a request to the app, or empty. */
  readonly push: string;
  /** Where a recovery code can be entered, or empty. */
  readonly recoveryPath: string;
  /** Where a code from an administrator can be entered, or empty. */
  readonly bypassPath: string;
  readonly expiresAt: ShownTime;
  readonly expiresIn: number;
  readonly pausedUntil: ShownTime | false;
  readonly isStepUp: boolean;
  readonly trust: TrustView | false;
  /** A form waits for the proof. */
  readonly keepsForm: boolean;
  /** Where cancelling leads, in words. */
  readonly backTo: string;
}

/** Before anybody is known. */
export interface EntranceView {
  /** Names the part of the form that takes the answer. */
  readonly answer: 'digits' | Spare;
  /** As typed. */
  readonly name: string;
  readonly error: ErrorView | false;
  readonly hint: string;
  readonly hasCodes: boolean;
  readonly hasKeys: boolean;
  readonly others: readonly LinkView[];
}

export interface EntranceKeyView {
  readonly name: string;
  readonly needsScript: string;
  readonly question: string;
  readonly hint: string;
}

export interface EntranceTicketView {
  readonly name: string;
  readonly error: ErrorView | false;
}

export interface PushView {
  readonly heading: string;
  readonly error: ErrorView | false;
  readonly identity: string;
  readonly isStepUp: boolean;
  /** A form waits for the answer. */
  readonly keepsForm: boolean;
  readonly trust: TrustView | false;
  readonly backTo: string;
  readonly way: string;
  /** What the app shows as well. */
  readonly word: string;
  readonly isAnswered: boolean;
  readonly until: ShownTime;
  readonly seconds: number;
  /** Where the script asks. */
  readonly statePath: string;
  readonly others: readonly LinkView[];
}

export interface ResumeView {
  /** Where it is sent, and what is shown of that. */
  readonly target: string;
  readonly path: string;
  /** Name of the field that the token stands in. */
  readonly field: string;
  readonly until: ShownTime;
}

export interface MessageView {
  readonly heading: string;
  readonly sentences: readonly string[];
  readonly links: readonly LinkView[];
  /** Where a form leads that leaves a login under way, or empty. */
  readonly leave: '' | '/cancel' | '/logout';
  /** To quote to an administrator. */
  readonly reference: string;
}

export interface EnrolledView {
  readonly name: string;
  /** Where a key is, or empty. */
  readonly kept: string;
  readonly added: ShownTime;
  readonly lastUsed: ShownTime | false;
  readonly removePath: string;
  /** Where its name can be changed, or empty. */
  readonly renamePath: string;
  readonly mayRemove: boolean;
}

export interface AvailableView {
  readonly factor: string;
  readonly name: string;
  readonly hint: string;
  readonly button: string;
  readonly needsScript: string;
  readonly provider: string;
  readonly discloses: readonly string[];
}

export interface AccountView {
  readonly identity: string;
  readonly mustEnrol: boolean;
  readonly level: string;
  readonly error: ErrorView | false;
  readonly notice: readonly string[];
  readonly enrolled: readonly EnrolledView[];
  /** Whether nobody gets to the password without a method. */
  readonly comesFirst: boolean;
  readonly available: readonly AvailableView[];
  /** Whether the page needs the script for keys. */
  readonly offersKeys: boolean;
  readonly draft: { readonly name: string; readonly path: string } | false;
  readonly needsProof: boolean;
  readonly needsTicket: boolean;
  /** Where a code can be sent that stands for a ticket. */
  readonly known: readonly LinkView[];
  readonly grace: GraceView | false;
  /** What is left to do to be rid of Authy, or empty. */
  readonly moving: '' | 'add' | 'remove';
  readonly phone: PhoneView | false;
  readonly recovery: { readonly left: number; readonly made: ShownTime | false } | false;
  readonly sessions: readonly SessionView[];
  readonly browsers: readonly BrowserView[];
  readonly events: readonly EventView[];
  readonly isAdministrator: boolean;
}

export interface MovingView {
  /** Methods that stay; empty where none is set up yet. */
  readonly kept: readonly string[];
  /** Empty as long as there would be nothing left. */
  readonly removePath: string;
  readonly available: readonly AvailableView[];
  /** Whether the page needs the script for keys. */
  readonly offersKeys: boolean;
}

/** Until when the first method may wait, and how long that is. */
export interface GraceView {
  readonly until: ShownTime;
  readonly left: string;
}

export interface PhoneView {
  readonly countries: readonly Country[];
  readonly country: string;
  readonly typed: string;
  /** Last two digits of the saved number, or empty. */
  readonly ending: string;
  /** The whole number, once, right after it was saved. */
  readonly saved: string;
}

export interface KnownView extends CodeFormView {
  readonly heading: string;
  readonly way: string;
  /** Not the whole address or number. */
  readonly shown: string;
  readonly others: readonly LinkView[];
}

export interface EnrolView {
  readonly heading: string;
  readonly factor: string;
  readonly provider: string;
  /** What the provider does; after its name. */
  readonly role: string;
  readonly discloses: readonly { readonly what: string; readonly value: string }[];
  /** What a person must have. */
  readonly needs: readonly string[];
  readonly needsScript: string;
  /** What is weak about it, or empty. */
  readonly caution: string;
  readonly phoneMissing: boolean;
  readonly needsProof: boolean;
  readonly replaces: boolean;
  readonly error: ErrorView | false;
}

export interface EnrolConfirmView extends CodeFormView {
  readonly heading: string;
  readonly factor: string;
  readonly phoneEnding: string;
  /** What was typed as the name of a key. */
  readonly typedName: string;
  readonly totp: { readonly uri: string; readonly secret: string; readonly qrSvg: string } | false;
}

export interface EnrolDoneView {
  readonly factor: string;
  readonly name: string;
  readonly noun: string;
  /** Made with the first factor. */
  readonly codes: CodesView | false;
}

/** Recovery codes, on the one page that shows them. */
export interface CodesView {
  readonly list: readonly string[];
  readonly identity: string;
  readonly made: ShownTime;
  readonly file: { readonly name: string; readonly href: string };
  readonly next: {
    readonly path: string;
    readonly fields: readonly { readonly name: string; readonly value: string }[];
  };
}

export interface SessionView {
  readonly id: string;
  readonly isThis: boolean;
  readonly isVerified: boolean;
  readonly browser: string;
  readonly address: string;
  readonly signedIn: ShownTime;
  readonly seen: ShownTime;
}

export interface BrowserView {
  readonly id: string;
  readonly isThis: boolean;
  readonly browser: string;
  readonly address: string;
  readonly trusted: ShownTime;
  readonly used: ShownTime;
  readonly until: ShownTime;
}

export interface EventView {
  readonly text: string;
  readonly at: ShownTime;
  /** Browser and address, or empty. */
  readonly by: string;
}

export interface RecoveryView {
  readonly left: number;
  readonly needsProof: boolean;
  readonly error: ErrorView | false;
}

export interface NewsView {
  /** Where to go on. */
  readonly to: string;
  readonly occasions: readonly EventView[];
}

export interface RenameView {
  readonly noun: string;
  readonly path: string;
  readonly typedName: string;
  readonly needsProof: boolean;
  readonly error: ErrorView | false;
}

export interface RemoveView {
  readonly heading: string;
  readonly noun: string;
  readonly path: string;
  /** What else removing it does, or empty. */
  readonly consequence: string;
  readonly isLast: boolean;
  readonly comesFirst: boolean;
  readonly left: readonly string[];
  readonly needsProof: boolean;
  readonly error: ErrorView | false;
}

export interface KeyView {
  readonly set: boolean;
  readonly editable: boolean;
  readonly ending: string;
  readonly shared: boolean;
}

export interface UserView {
  readonly identity: string;
  readonly factors: string;
  readonly level: string;
  readonly sessions: number;
  /** Until when a first method may be put off. */
  readonly waits: ShownTime | false;
  /** Recovery codes, or -1 where there can be none. */
  readonly codesLeft: number;
  readonly lock: string;
  readonly pausedUntil: ShownTime | false;
  readonly canTicket: boolean;
  readonly canBypass: boolean;
  readonly canReset: boolean;
  readonly canUnlock: boolean;
  readonly canEnd: boolean;
}

export interface AdminMovingView {
  readonly search: string;
  readonly people: readonly { readonly identity: string; readonly lastUsed: ShownTime | false }[];
  readonly total: number;
  /** Whether there is another method that they could have. */
  readonly hasOther: boolean;
  readonly page: number;
  readonly previous: string;
  readonly next: string;
}

export interface AdminView {
  readonly error: ErrorView | false;
  readonly notice: readonly string[];
  readonly key: KeyView;
  /** People who have no method but Authy. */
  readonly moving: { readonly count: number; readonly hasOther: boolean } | false;
  readonly needsProof: boolean;
  readonly search: string;
  readonly only: string;
  readonly filters: readonly { readonly value: string; readonly text: string }[];
  readonly users: readonly UserView[];
  readonly total: number;
  readonly page: number;
  readonly previous: string;
  readonly next: string;
}

export interface AdminConfirmView {
  readonly heading: string;
  readonly identity: string;
  readonly action: string;
  readonly button: string;
  readonly consequences: readonly string[];
  readonly reason: string;
  readonly error: ErrorView | false;
}

/** A ticket, or a code for one sign-in: told once. */
export interface AdminTicketView {
  readonly heading: string;
  readonly isTicket: boolean;
  readonly identity: string;
  readonly code: string;
  readonly until: ShownTime;
  /** Where the person signs in. */
  readonly address: string;
}

export interface AdminReportView {
  readonly error: ErrorView | false;
  readonly notice: readonly string[];
  readonly needsProof: boolean;
  readonly sends: {
    readonly today: number;
    readonly most: number;
    readonly stoppedUntil: ShownTime | false;
    readonly countries: readonly { readonly name: string; readonly count: number }[];
    readonly mostForCountry: number;
  };
  readonly services: readonly {
    readonly name: string;
    readonly state: string;
    readonly isDown: boolean;
    readonly answered: ShownTime | false;
    readonly failed: ShownTime | false;
  }[];
  readonly events: readonly {
    readonly at: ShownTime;
    readonly identity: string;
    readonly text: string;
    /** An administrator, or a browser and its address, or empty. */
    readonly by: string;
    readonly reason: string;
  }[];
  readonly page: number;
  readonly previous: string;
  readonly next: string;
}

/** Template name → what it gets. */
export interface Views {
  readonly entrance: EntranceView;
  readonly 'entrance-key': EntranceKeyView;
  readonly 'entrance-ticket': EntranceTicketView;
  challenge: ChallengeView;
  push: PushView;
  resume: ResumeView;
  message: MessageView;
  account: AccountView;
  known: KnownView;
  enrol: EnrolView;
  'enrol-confirm': EnrolConfirmView;
  'enrol-done': EnrolDoneView;
  recovery: RecoveryView;
  'recovery-codes': { readonly codes: CodesView };
  news: NewsView;
  rename: RenameView;
  remove: RemoveView;
  moving: MovingView;
  admin: AdminView;
  'admin-moving': AdminMovingView;
  'admin-report': AdminReportView;
  'admin-confirm': AdminConfirmView;
  'admin-ticket': AdminTicketView;
  'admin-key-remove': { readonly ending: string };
  logout: { readonly identity: string };
}
