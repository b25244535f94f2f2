/** What is measured, against whom, and what was hoped for. Data only. */
import type { Load } from './load.ts';
import { ECHO_BYTES, ECHO_PATH } from './people.ts';
import type { Target } from './target.ts';

export const GATEWAY = 'gateway';
export const GATEWAY_COOKIES = 'gateway, recheck: cookies';
export const GATEWAY_REDIS = 'gateway, Redis';
export const PASS_THROUGH = 'pass-through without gate';

export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly load: Pick<Load, 'path' | 'method' | 'bodyBytes' | 'connections' | 'kind'>;
  /** Without a cookie: what refuses answers with 303 or 401. */
  readonly anonymous?: boolean;
  /** Names of targets; `undefined` takes all but those of a single scenario. */
  readonly targets: readonly string[];
  /** In the quick run. */
  readonly quick?: readonly string[];
  /** Slices for each target in the full run. */
  readonly rounds: number;
}

const GET = { method: 'GET', bodyBytes: 0, kind: 'http' } as const;
const PROXIES = ['nginx', 'nginx + auth_request', 'haproxy', 'http-proxy'];
const QUICK = ['nginx', 'nginx + auth_request', 'http-proxy', GATEWAY];

export const SCENARIOS: readonly Scenario[] = [
  {
    id: 'get1k',
    title: '1 kB, 32 connections',
    load: { ...GET, path: '/admin/bench/1k', connections: 32 },
    targets: ['direct', ...PROXIES, 'http-proxy, default malloc', PASS_THROUGH, GATEWAY, GATEWAY_REDIS],
    quick: [...QUICK, PASS_THROUGH, GATEWAY_REDIS],
    rounds: 15,
  },
  {
    id: 'get1k-c1',
    title: '1 kB, 1 connection',
    load: { ...GET, path: '/admin/bench/1k', connections: 1 },
    targets: ['direct', ...PROXIES, PASS_THROUGH, GATEWAY],
    rounds: 8,
  },
  {
    id: 'get1k-c128',
    title: '1 kB, 128 connections',
    load: { ...GET, path: '/admin/bench/1k', connections: 128 },
    targets: [...PROXIES, PASS_THROUGH, GATEWAY],
    rounds: 8,
  },
  {
    id: 'get64k',
    title: '64 kB, 32 connections',
    load: { ...GET, path: '/admin/bench/64k', connections: 32 },
    targets: [...PROXIES, 'http-proxy, default malloc', PASS_THROUGH, GATEWAY],
    quick: QUICK,
    rounds: 10,
  },
  {
    id: 'get1m',
    title: '1 MB, 8 connections',
    load: { ...GET, path: '/admin/bench/1m', connections: 8 },
    targets: [...PROXIES, 'http-proxy, default malloc', PASS_THROUGH, GATEWAY],
    quick: QUICK,
    rounds: 10,
  },
  {
    id: 'post1k',
    title: 'POST of 1 kB, 32 connections',
    load: { method: 'POST', bodyBytes: 1_024, kind: 'http', path: '/admin/bench/post', connections: 32 },
    targets: [...PROXIES, PASS_THROUGH, GATEWAY_COOKIES, GATEWAY],
    quick: [...QUICK, GATEWAY_COOKIES],
    rounds: 8,
  },
  {
    id: 'websocket',
    title: 'WebSocket echo of 64 bytes, 32 connections',
    load: { method: 'GET', bodyBytes: ECHO_BYTES, kind: 'websocket', path: ECHO_PATH, connections: 32 },
    targets: [...PROXIES, GATEWAY],
    quick: QUICK,
    rounds: 8,
  },
  {
    id: 'refused',
    title: 'Refused: not signed in, 32 connections',
    load: { ...GET, path: '/admin/bench/1k', connections: 32 },
    anonymous: true,
    targets: ['nginx + auth_request', GATEWAY],
    quick: ['nginx + auth_request', GATEWAY],
    rounds: 8,
  },
];

/** CPU of one target over that of another, in one scenario. */
export interface RatioGoal {
  readonly scenario: string;
  readonly what: string;
  readonly ours: string;
  readonly against: string;
  readonly goal: number;
  readonly stretch: number;
}

const against = (scenario: string, other: string, what: string, goal: number, stretch: number): RatioGoal => ({
  scenario,
  what,
  ours: GATEWAY,
  against: other,
  goal,
  stretch,
});

export const RATIO_GOALS: readonly RatioGoal[] = [
  against('get1k', 'http-proxy', '1 kB against bare http-proxy', 0.66, 0.53),
  against('get1k', 'nginx + auth_request', '1 kB against nginx with auth_request', 0.9, 0.72),
  against('get1k', 'nginx', '1 kB against nginx', 2.5, 2.0),
  against('get64k', 'nginx', '64 kB against nginx', 1.9, 1.3),
  against('get1m', 'nginx', '1 MB against nginx', 1.35, 1.05),
  { ...against('post1k', 'http-proxy', 'POST against bare http-proxy', 0.78, 0.66), ours: GATEWAY_COOKIES },
  against('post1k', 'http-proxy', 'POST, the application asked each time (the default)', 0.78, 0.66),
  against('get1k', PASS_THROUGH, 'our own checks: 1 kB against the forwarder alone', 1.15, 1.08),
  { ...against('get1k', GATEWAY, 'Redis store against memory', 1.1, 1.05), ours: GATEWAY_REDIS },
  against('websocket', 'http-proxy', 'WebSocket against bare http-proxy', 1.03, 0.96),
  against('websocket', 'nginx', 'WebSocket against nginx', 1.62, 1.5),
  against('refused', 'nginx + auth_request', 'refusal against nginx with auth_request', 0.45, 0.35),
];

export interface Goal {
  readonly what: string;
  /** `undefined` when it was not measured. */
  readonly value: number | undefined;
  readonly goal: number;
  readonly stretch: number;
  readonly unit?: 'MB';
  /** More is better. */
  readonly atLeast?: boolean;
}

export function loadOf(scenario: Scenario, headers: Readonly<Record<string, string>>) {
  return (target: Pick<Target, 'port' | 'cookie'>): Load => ({
    ...scenario.load,
    port: target.port,
    seconds: 1,
    headers: scenario.anonymous === true ? headers : { ...headers, Cookie: target.cookie },
  });
}
