// Calls of the HTTP API, at the page's own origin.

/** A refusal, with the problem document of the API. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `The platform answered ${status}.`);
    this.status = status;
    this.type = (problem.type ?? '').split(':').pop();
  }
}

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, credentials: 'same-origin', cache: 'no-store' });
  } catch {
    throw new Error('The platform does not answer.');
  }
  const text = await answer.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = answer.ok ? text : {};
  }
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

export const get = (path, signal) => call(path, { signal });

export const post = (path, body, signal) =>
  call(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body ?? {}),
    signal,
  });

/** Tells a route that the platform does not have from a thing that does not exist. */
export const missing = (error) =>
  error instanceof Refused && error.status === 404 && ['', 'no-route'].includes(error.type);

let described;

/** Tells whether the platform offers a route, such as '/replays/{id}/pause'. */
export async function offers(path) {
  described ??= get('/openapi.yaml').catch(() => '');
  return String(await described).includes(`\n  ${path}:\n`);
}

export const replayPath = (id) => `/replays/${encodeURIComponent(id)}`;
