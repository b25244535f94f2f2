/** docs/performance.md: what was measured and how, around the tables of one run. */
import { goalsOf, type Measured } from './measured.ts';
import { figureTable, goalTable, otherTables } from './tables.ts';

export function documentOf(measured: Measured): string {
  const date = measured.date.toISOString().slice(0, 10);
  const notes = new Set(
    measured.scenarios.flatMap(({ figures }) => figures.flatMap(({ target }) => target.note ?? [])),
  );
  const lines = [
    '# Performance',
    '',
    'What the gateway costs, beside what a site would run instead of it. This page is written by the benchmark; the figures are',
    `those of one run, on ${date}, by \`${measured.command}\`.`,
    '',
    '## In short',
    '',
    'CPU for each answered request, as ratios within the run, unless the row says otherwise. The gateway has a verified session;',
    '`http-proxy` and nginx check nothing.',
    '',
    ...goalTable(goalsOf(measured)),
    '',
    '## How it was measured',
    '',
    ...measured.machine.map((fact) => `- ${fact}`),
    ...(measured.missing.length === 0 ? [] : [`- left out: ${measured.missing.join('; ')}`]),
    '',
    METHOD,
    '',
    ...[...notes].map((note) => `\`auth_request\`: ${note}.`),
    '',
    '## Figures',
    ...measured.scenarios.flatMap(({ scenario, rounds, figures }) => [
      '',
      `### ${scenario.title}`,
      '',
      `${rounds} slices for each target.`,
      '',
      ...figureTable(figures),
    ]),
    ...otherTables(measured),
    '',
    READING,
    '',
  ];
  return lines.join('\n');
}

const METHOD = `The targets share one core and take turns in slices of a second, in reversed order every other round; the load generator and
the application (nginx with files of the size asked for, the stand-in Lucy behind it) share the other. The figure is the CPU
time of all processes of a target, by the kernel's own accounting, for each answer. "Low" is the mean of the lowest fifth of
the slices: contention only ever adds. Ratios hold within one scenario of one run; requests per second and latency depend on
the other core too, and are there for orientation.

Every target runs one worker with kept-alive connections, writes no log and sets \`X-Forwarded-*\`; requests carry the headers
of a browser and three cookies. \`http-proxy\` has the settings of the allocator that it needs for large answers
([0007](decisions/0007-malloc-settings.md)), and stands there once more without them; the gateway needs none. The service behind \`auth_request\` only
looks a session up in memory, which is less than real ones do.`;

const READING = `## How to read it

- \`pass-through without gate\` is the gateway's own forwarder on a bare server. What the gateway costs above it is the price of
  scope, session, route and decision.
- A POST of a verified session is followed by the question to the application who is signed in now (\`recheck: unsafe\`, the
  default), because a POST can change it. That is a second request, and its cost is shown as such; \`recheck: cookies\` asks only
  when a cookie changed, see [profiles](profiles.md).
- A refusal costs the application nothing: it never hears of it.
- The sessions of the \`lowdb\` kind are in the memory of the process, and a journal is written behind; no proxied request waits
  for the disk. All of the sessions above were used once after the start, so that each holds its open jar.
- The embedded store writes the whole directory of users for each change: the event loop stands still meanwhile, and every
  request with it. Sessions go to the journal, and do not depend on the number of users.
- A login takes a new connection for each of its requests, and includes the answers of the application.

To repeat it: \`npm run bench\` (a quarter of an hour), \`npm run bench -- --quick\` (two minutes, prints and writes nothing),
\`npm run bench -- --list\` for parts of it. Tools that are not installed are left out.`;
