/** The same as auth-service.go for machines without Go. Arguments: port, session id that is let in. */
import { createServer } from 'node:http';

const [port, id = ''] = process.argv.slice(2);
const sessions = new Map([[id, 'person0@example.com']]);
createServer((request, response) => {
  const sent = /(?:^|; )auth_session=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];
  const user = sent === undefined ? undefined : sessions.get(sent);
  if (user === undefined) response.writeHead(401);
  else response.writeHead(200, { 'Remote-User': user });
  response.end();
}).listen(Number(port), '127.0.0.1');
