// Passkeys and security keys (WebAuthn). Where this cannot run, the page says so by itself and has no button for it. What a
// key answers is judged by the gateway alone; here it is only carried.

const PROBLEMS = {
  NotAllowedError:
    'Nothing came from your passkey or security key: it was cancelled, or took too long. Try again when you are ready.',
  InvalidStateError: 'This device or key is set up for your account already. Use another one.',
  NotSupportedError: 'This device or key is of a kind that cannot be used here. Use another one.',
  SecurityError:
    'Passkeys do not work under the address of this page. Open it under its usual address, then try again.',
};
PROBLEMS.AbortError = PROBLEMS.NotAllowedError;
PROBLEMS.ConstraintError = PROBLEMS.NotSupportedError;
const OTHER_PROBLEM = 'Your browser could not use a passkey or security key. Try again, or use another way.';

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');
const keysOf = (list) => list.map((one) => ({ ...one, id: bytesOf(one.id) }));

async function ask(question) {
  const publicKey = { ...question, challenge: bytesOf(question.challenge) };
  if (question.rp === undefined) {
    publicKey.allowCredentials = keysOf(question.allowCredentials);
    return navigator.credentials.get({ publicKey });
  }
  publicKey.user = { ...question.user, id: bytesOf(question.user.id) };
  publicKey.excludeCredentials = keysOf(question.excludeCredentials);
  return navigator.credentials.create({ publicKey });
}

function answerOf({ id, type, response }) {
  const said = { clientDataJSON: textOf(response.clientDataJSON) };
  if (response.attestationObject) {
    said.attestationObject = textOf(response.attestationObject);
    said.transports = response.getTransports ? response.getTransports() : [];
  } else {
    said.authenticatorData = textOf(response.authenticatorData);
    said.signature = textOf(response.signature);
    if (response.userHandle && response.userHandle.byteLength > 0) said.userHandle = textOf(response.userHandle);
  }
  return JSON.stringify({ id, rawId: id, type, clientExtensionResults: {}, response: said });
}

function say(text) {
  const place = document.querySelector('[data-key-problem]');
  place.textContent = '';
  if (text === '') return;
  const line = document.createElement('p');
  line.className = 'field-error';
  line.textContent = text;
  place.append(line);
}

if ('PublicKeyCredential' in window) {
  for (const one of document.querySelectorAll('[data-key-only]')) one.hidden = false;
  for (const one of document.querySelectorAll('[data-key-missing]')) one.hidden = true;
  const field = document.querySelector('[data-key-question]');
  if (field) listen(field);
}

function listen(field) {
  let isAsking = false;
  field.form.addEventListener('submit', async (event) => {
    // Nobody else may take this for the sending of the form: that comes with the answer.
    event.preventDefault();
    event.stopPropagation();
    if (isAsking) return;
    isAsking = true;
    say('');
    try {
      field.value = answerOf(await ask(JSON.parse(field.dataset.keyQuestion)));
      field.form.submit();
    } catch (error) {
      say(PROBLEMS[error.name] ?? OTHER_PROBLEM);
      isAsking = false;
    }
  });
  addEventListener('pageshow', (event) => {
    if (event.persisted) isAsking = false;
  });
}
