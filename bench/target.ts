/** One thing that is measured: where it listens, whose CPU is counted, and with what cookies it lets a request through. */
export interface Target {
  readonly name: string;
  /** What a reader must know to compare it. */
  readonly note?: string;
  readonly port: number;
  /** Its processes as they are now: a server that listens may not have started all of them. */
  pids(): readonly number[];
  readonly cookie: string;
  /** Whether it refuses who is not signed in. */
  readonly checks: boolean;
  readonly upgrades: boolean;
}

/** What a browser sends to the application itself: three cookies, as to every other target. */
export const APP_COOKIES =
  'PHPSESSID=0f1e2d3c4b5a69788796a5b4c3d2e1f0; YII_CSRF_TOKEN=c2Vzc2lvbi10b2tlbi1vZi10aGUtZm9ybQ; language=en';

/** What browsers send besides; the same for every target. */
export const BROWSER_HEADERS: Readonly<Record<string, string>> = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-US,en;q=0.5',
  'Accept-Encoding': 'gzip, deflate, br',
  'Sec-Fetch-Dest': 'document',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Site': 'same-origin',
  'Cache-Control': 'no-cache',
};
