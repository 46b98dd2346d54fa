// The stream of events, by fetch: unlike EventSource it can show a token, and says why it is refused.

const SILENT_MS = 15000;
const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 8000;
const KEY = "streamimb-token";

const wait = (ms) => new Promise((resume) => setTimeout(resume, ms));

export function remember(token) {
  sessionStorage.setItem(KEY, token);
}

const shown = (token) => (token ? { authorization: `Bearer ${token}` } : {});

// What a path answers to a question, as data; an object with error where it does not.
export async function ask(path) {
  try {
    const headers = shown(sessionStorage.getItem(KEY));
    const answer = await fetch(path, { method: "POST", headers, cache: "no-store", signal: AbortSignal.timeout(SILENT_MS) });
    const told = await answer.json();
    return answer.ok ? told : { error: told.error ?? `the service answers ${answer.status}` };
  } catch {
    return { error: "no answer" };
  }
}

// Calls told(event, data) for each message, lost(why) where the connection ends, locked() where a token is needed:
// it gives a promise of one. Comes back never.
export async function follow({ told, lost, locked }) {
  let pause = AGAIN_MS;
  for (;;) {
    let why = "no connection";
    try {
      const token = sessionStorage.getItem(KEY);
      const stop = new AbortController();
      const answer = await fetch("events", {
        headers: shown(token), cache: "no-store", signal: stop.signal,
      });
      if (answer.status === 401 || answer.status === 403) {
        sessionStorage.removeItem(KEY);
        await locked(answer.status);
        continue;
      }
      if (answer.ok) {
        pause = AGAIN_MS;
        await read(answer.body.getReader(), stop, told);
      } else {
        why = answer.status === 503 ? "too many look on already" : `the service answers ${answer.status}`;
      }
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
    }
    lost(why);
    await wait(pause * (0.75 + Math.random() / 2));
    pause = Math.min(2 * pause, AGAIN_MS_MAX);
  }
}

async function read(reader, stop, told) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const silent = setTimeout(() => stop.abort(), SILENT_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silent));
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const [event, data] = part.split("\n");
      told(event.slice("event: ".length), JSON.parse(data.slice("data: ".length)));
    }
  }
}
