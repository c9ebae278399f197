// The API, from a page: JSON in and out, problems as errors.

/** An answer that says what went wrong; `problem` is its RFC 9457 body. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** Ask the API; a body that is no FormData goes as JSON. Throws Problem, or TypeError when nobody answers. */
export async function ask(url, { method = "GET", body = undefined, headers = {}, signal = undefined } = {}) {
  const isForm = body instanceof FormData;
  const answer = await fetch(url, {
    method,
    signal,
    headers: { Accept: "application/json", ...(body && !isForm ? { "Content-Type": "application/json" } : {}), ...headers },
    body: body && !isForm ? JSON.stringify(body) : body,
  });
  if (!answer.ok) throw new Problem(await problemOf(answer));
  return answer.status === 204 ? null : answer.json();
}

async function problemOf(answer) {
  try {
    return await answer.json();
  } catch {
    return { status: answer.status, code: "error", detail: answer.statusText, advice: "" };
  }
}
