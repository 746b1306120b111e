// Calls to the gateway, by the cookie of one credential (`guest-<slug>` or `staff-<slug>`).

// Refusals that pass by themselves: another message is being answered, a process comes back.
const PASSING = [409, 502, 503, 504];
/** Those of a server that is away for a moment. */
export const AWAY = [502, 503, 504];
const ATTEMPTS = 8;
const WAIT_MS = 400;

/** A failed call: the gateway's problem document (RFC 9457). */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `The server answered ${status}.`);
    this.status = status;
    this.reason = document.reason || "";
  }
}

/** A client bound to one credential; paths are below `/api/v1`. */
export function connect(credential) {
  const send = async (path, { method = "GET", body, headers = {}, signal } = {}) => {
    const response = await fetch(`/api/v1${path}`, {
      method,
      signal,
      credentials: "same-origin",
      headers: {
        ...(credential ? { "x-maitred-credential": credential } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    }).catch((error) => {
      throw error instanceof TypeError ? new TypeError("The server cannot be reached right now.") : error;
    });
    if (response.ok) return response;
    throw new Problem(response.status, await response.json().catch(() => ({})));
  };
  return {
    send,
    json: async (path, options) => (await send(path, options)).json(),
    /** An EventSource on the credential's events; it resumes by itself after a drop. */
    events: () => new EventSource(`/api/v1/events?credential=${encodeURIComponent(credential)}`),
  };
}

/** Does `action` until it succeeds, or fails of something that does not pass by itself. */
export async function insist(action, passing = PASSING) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (problem) {
      const passes = !(problem instanceof Problem) || passing.includes(problem.status);
      if (!passes || attempt === ATTEMPTS) throw problem;
      await pause(attempt * WAIT_MS);
    }
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** All items of a paged list: `member` is the list's field name. */
export async function all(client, path, member) {
  const items = [];
  let token = "";
  do {
    const join = path.includes("?") ? "&" : "?";
    const page = await client.json(`${path}${join}page_size=200&page_token=${encodeURIComponent(token)}`);
    items.push(...(page[member] ?? []));
    token = page.next_page_token ?? "";
  } while (token);
  return items;
}

/** Yields `{event, data}` of a `text/event-stream` response, data parsed as JSON. */
export async function* frames(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    let end;
    while ((end = buffer.indexOf("\n\n")) >= 0) {
      const frame = parseFrame(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
      if (frame.data !== undefined) yield frame;
    }
  }
}

function parseFrame(text) {
  const frame = { event: "message", data: undefined };
  for (const line of text.split("\n")) {
    if (line.startsWith("event:")) frame.event = line.slice(6).trim();
    if (line.startsWith("data:")) frame.data = JSON.parse(line.slice(5));
  }
  return frame;
}

/**
 * Follows the credential's events of some kinds, and shows on `live` whether it does.
 *
 * `reread` is awaited once there is a stream and where events were missed, `changed` with the data
 * of each event; `signedOut` is called once the credential no longer holds. EventSource comes back
 * after a drop by itself; after an answer that is no stream it gives up, and is begun anew.
 */
export function follow(client, live, handlers) {
  const { changed, reread, signedOut, kinds = ["order"] } = handlers;
  const source = client.events();
  let isOver = false;
  const show = (text, state) => {
    live.textContent = text;
    live.dataset.state = state;
  };
  const beginAnew = async () => {
    if (isOver) return;
    isOver = true;
    source.close();
    show("reconnecting", "closed");
    try {
      await client.send("/orders?page_size=1");
    } catch (problem) {
      if (problem.status === 401) return signedOut();
    }
    await pause(5 * WAIT_MS);
    follow(client, live, handlers);
  };
  source.addEventListener("open", () => show("live", "open"));
  source.addEventListener("open", () => reread().catch(beginAnew), { once: true });
  source.addEventListener("reset", () => reread().catch(beginAnew));
  for (const kind of kinds)
    source.addEventListener(kind, (event) => changed(JSON.parse(event.data).data).catch(beginAnew));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) beginAnew();
    else show("reconnecting", "closed");
  });
}

/** The tenant's slug, from `/t/{slug}` or a page below it. */
export const slug = () => decodeURIComponent(location.pathname.split("/")[2] ?? "");
