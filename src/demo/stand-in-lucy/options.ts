/**
 * What the stand-in application can be told to do, and the people it knows. Every weakness that a real application of its
 * kind may have is a switch here; the stand-in never protects itself from them, because that is the gateway's job.
 */
import { type Clock, systemClock } from '../../clock.ts';

export type Role = 'Administrator' | 'Supervisor' | 'User' | 'View' | 'Enduser';

export interface StandInUser {
  /** As the application writes it; people may type it in any case and with blanks around it. */
  readonly email: string;
  readonly password: string;
  readonly role: Role;
}

export interface StandInLucyOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly users: readonly StandInUser[];
  /** Whether a login gives the browser a new session id (Yii today) or blesses the one it has (old and home-made code). */
  readonly rotate: 'rotate' | 'keep';
  /** Whether the login form offers to stay logged in with a cookie that opens sessions by itself for 30 days. */
  readonly rememberMe: boolean;
  /** `own-code`: after the password the application itself asks for a code that it mails. */
  readonly secondStep: 'none' | 'own-code';
  readonly captcha: boolean;
  /** The portal at /user with its login by XHR, which answers `{"ok":true}`. */
  readonly jsonLogin: boolean;
  /** Whether a new password, set by a link from a mail, also logs in. */
  readonly passwordResetLogsIn: boolean;
  /** Forgotten doors: POST /old/login.php (user, pass) and POST /admin/api/login (JSON email, password). */
  readonly unlistedLogins: boolean;
  /** POST /admin/switch-user turns an administrator's session into somebody else's. */
  readonly impersonation: boolean;
  /** GET any-page?u=…&p=… logs in. */
  readonly queryLogin: boolean;
  /** HTTP Basic on any page logs in and makes a session. */
  readonly basicLogin: boolean;
  /** A session id in the query is taken too (PHP's `session.use_only_cookies=0`). */
  readonly sessionInQuery: boolean;
  /** Wrong passwords from one address until it is locked out for 15 minutes; 0 switches the lock off. */
  readonly lockoutPerAddress: number;
  readonly sessionCookie: string;
  /** Names under which this is the administration; on every other name campaign pages are served. */
  readonly adminHosts: readonly string[];
  readonly clock: Clock;
}

/** The people of the demo. Their passwords are printed by the demo command. */
export const DEFAULT_USERS: readonly StandInUser[] = [
  { email: 'alice@example.com', password: 'correct horse alice', role: 'User' },
  { email: 'bob@example.com', password: 'battery staple bob', role: 'User' },
  { email: 'admin@example.com', password: 'correct battery admin', role: 'Administrator' },
];

export const DEFAULT_OPTIONS: StandInLucyOptions = {
  port: 0,
  users: DEFAULT_USERS,
  rotate: 'rotate',
  rememberMe: true,
  secondStep: 'none',
  captcha: false,
  jsonLogin: false,
  passwordResetLogsIn: false,
  unlistedLogins: false,
  impersonation: false,
  queryLogin: false,
  basicLogin: false,
  sessionInQuery: false,
  lockoutPerAddress: 0,
  sessionCookie: 'PHPSESSID',
  adminHosts: ['127.0.0.1', '[::1]', 'localhost', 'lucy.localhost', 'lucy.test', 'lucy.example.com'],
  clock: systemClock,
};
