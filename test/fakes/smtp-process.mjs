// A real mail server (smtp-server) as a process of its own. It prints one JSON line for each mail that it took, and ends
// with its standard input. Settings: see SmtpSettings in smtp.ts.
import { SMTPServer } from 'smtp-server';

const { tls, implicit, user, password } = JSON.parse(process.argv[2] ?? '{}');
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const server = new SMTPServer({
  ...(tls === undefined ? { disabledCommands: ['STARTTLS'] } : tls),
  secure: implicit === true,
  authOptional: user === undefined,
  allowInsecureAuth: true,
  disableReverseLookup: true,
  closeTimeout: 100,
  onAuth(auth, _session, done) {
    const isRight = auth.username === user && auth.password === password;
    done(isRight ? null : Object.assign(new Error('no'), { responseCode: 535 }), isRight ? { user } : undefined);
  },
  onData(stream, session, done) {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      const { mailFrom, rcptTo } = session.envelope;
      const raw = Buffer.concat(chunks).toString('latin1');
      say({
        from: mailFrom.address,
        to: rcptTo.map((to) => to.address),
        secure: session.secure,
        user: session.user,
        raw,
      });
      done();
    });
  },
});
server.on('error', () => {});
server.listen(0, '127.0.0.1', () => say({ port: server.server.address().port }));
process.stdin.on('end', () => process.exit()).resume();
