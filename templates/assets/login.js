// Added to the login page of an application whose login goes by script: when the gateway answers such a request with "factor
// needed", the person is taken to the prompt. It changes no request and no answer, and reads no other answer than that one.
(() => {
  const own = new URL('..', document.currentScript.src).href;

  const isRefusal = (status, type) => status === 401 && /^application\/problem\+json/i.test(type ?? '');

  // The part of the address behind # is the browser's alone; it comes back with the person.
  const follow = (problem) => {
    if (problem?.code !== 'factor-needed' || typeof problem.challenge !== 'string') return;
    const prompt = new URL(problem.challenge, location.href);
    if (!prompt.href.startsWith(own)) return;
    prompt.hash = location.hash;
    location.assign(prompt);
  };

  const { send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.send = function (...body) {
    const look = () => {
      if (!isRefusal(this.status, this.getResponseHeader('Content-Type'))) return;
      if (this.responseType === 'json') follow(this.response);
      else if (this.responseType === '' || this.responseType === 'text') follow(JSON.parse(this.responseText));
    };
    this.addEventListener('load', look, { once: true });
    return send.apply(this, body);
  };

  const { fetch } = window;
  window.fetch = (...request) => {
    const answer = fetch.apply(window, request);
    answer
      .then((response) => {
        if (!isRefusal(response.status, response.headers.get('Content-Type'))) return undefined;
        return response.clone().json().then(follow);
      })
      .catch(() => {}); // the page has the same promise, and says what went wrong
    return answer;
  };
})();
