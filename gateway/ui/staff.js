// What the staff's pages share: signing in by a link, and saying what is wrong.
import { connect, insist } from "./api.js";

/** A page with the elements `live` and `notice`. */
export function staffPage({ live, notice }) {
  const say = (text) => {
    notice.textContent = text;
    notice.hidden = !text;
  };
  const stopped = (label, reason) => {
    live.textContent = label;
    say(reason);
  };
  const signedOut = () => stopped("signed out", "Open this page with the staff link that start-up printed.");
  return {
    say,
    signedOut,
    /** Tells of a page that could not begin. */
    failed: (problem) => (problem.status === 401 ? signedOut() : stopped("offline", problem.message)),
  };
}

/** Trades the key in a staff link's fragment for a cookie; the fragment never reaches a server. */
export async function signIn() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return null;
  history.replaceState(null, "", location.pathname);
  const headers = { authorization: `Bearer ${key}` };
  return insist(() => connect("").json("/auth/session", { method: "POST", headers }));
}
