// Trust and the bandit, live: who is trusted, who serves, and what the last cycle found.
import { connect, follow, insist, slug } from "./api.js";
import { el } from "./dom.js";
import { signIn, staffPage } from "./staff.js";

const KINDS = ["trust", "feedback", "recommendation", "session", "order"];
const SETTLE_MS = 400;
const PARTS = ["accuracy", "consistency", "timeliness", "reliability"];

const client = connect(`staff-${slug()}`);
const view = Object.fromEntries(
  ["tenant", "live", "notice", "agents", "arms", "cycle", "run"].map((id) => [id, document.getElementById(id)]),
);
const page = staffPage(view);
let waiting = 0;

start().catch(page.failed);

async function start() {
  const signedIn = await signIn();
  if (signedIn) view.tenant.textContent = `${signedIn.tenant.display_name} – trust & bandit`;
  view.run.addEventListener("click", runCycle);
  follow(client, view.live, { kinds: KINDS, changed, reread, signedOut: page.signedOut });
}

/** Events come in bursts; what they change is read once a burst. */
async function changed() {
  clearTimeout(waiting);
  waiting = setTimeout(() => reread().catch((problem) => page.say(problem.message)), SETTLE_MS);
}

async function reread() {
  const [{ agents = [] }, policy, { cycles = [] }] = await insist(() =>
    Promise.all([
      client.json("/agents"),
      client.json("/policies/serving"),
      client.json("/learning/cycles?page_size=1"),
    ]),
  );
  const trusts = await insist(() => trustIn(agents));
  view.agents.replaceChildren(...trusts.map(agent));
  showArms(policy.arms ?? []);
  showCycle(cycles[0]);
}

/** The trust in each agent, with its changes where there were any. */
async function trustIn(agents) {
  const named = agents.map(({ agent_id }) => `agent_ids=${agent_id}`).join("&");
  const { trusts } = await client.json(`/trust?${named}`);
  return Promise.all(trusts.map((one) => (one.update_time ? client.json(`/trust/${one.agent_id}`) : one)));
}

function agent(trust) {
  const disabled = trust.state === "TRUST_STATE_DISABLED";
  const evidence = Number(trust.evidence ?? 0);
  return el(
    "article.agent",
    { data: { agent: trust.agent_id } },
    el(
      "header",
      {},
      el("strong", {}, trust.agent_id),
      el(
        "span.status",
        { data: { status: disabled ? "cancelled" : "ready" } },
        `${disabled ? "disabled" : "active"}${trust.overridden ? " by hand" : ""}`,
      ),
    ),
    meter(trust),
    el(
      "p.figures",
      {},
      el("span", {}, `${percent(trust.overall)} (${percent(trust.low)} to ${percent(trust.high)})`),
      el("span", {}, `${evidence.toFixed(1)} outcomes`),
      el("span", {}, `boost ${signed(trust.boost)}`),
    ),
    el("p.figures", {}, ...PARTS.map((part) => el("span", {}, `${part} ${percent(trust[part])}`))),
    trend(trust),
  );
}

function meter(trust) {
  const band = el("span.band");
  place(band, trust.low, trust.high);
  const fill = el("span.fill");
  place(fill, 0, trust.overall);
  const label = `Trust ${percent(trust.overall)}, between ${percent(trust.low)} and ${percent(trust.high)}`;
  return el("div.meter", { role: "img", ariaLabel: label }, fill, band);
}

function showArms(arms) {
  const known = [...arms].sort((a, b) => share(b) - share(a) || (a.arm_id < b.arm_id ? -1 : 1));
  view.arms.replaceChildren(
    ...(known.length ? known.map(arm) : [el("p.empty", {}, "Nobody has been served yet.")]),
  );
}

function arm(one) {
  const fill = el("span.fill");
  place(fill, 0, share(one));
  const reward = Number(one.recent_reward ?? 0);
  const worth = el(`span.fill.${reward < 0 ? "bad" : "good"}`);
  place(worth, Math.min(0.5, 0.5 + reward / 2), Math.max(0.5, 0.5 + reward / 2));
  return el(
    "article.agent",
    { data: { arm: one.arm_id } },
    el("header", {}, el("strong", {}, one.arm_id.split("+")[0]), el("small", {}, one.arm_id)),
    el("div.meter", { role: "img", ariaLabel: `Share ${percent(share(one))}` }, fill),
    el("div.meter.slim", { role: "img", ariaLabel: `Reward ${signed(reward)}` }, worth, el("span.middle")),
    el(
      "p.figures",
      {},
      el("span", {}, `share ${percent(share(one))}`),
      el("span", {}, `reward ${signed(reward)} lately, ${signed(one.mean_reward)} in all`),
      el("span", {}, `${one.decisions ?? 0} decisions, ${one.learned ?? 0} learned from`),
    ),
  );
}

const share = (one) => Number(one.recent_share ?? 0);

/** Trust after each change, from the oldest kept to now. */
function trend(trust) {
  const points = [...(trust.changes ?? []).map((change) => Number(change.overall ?? 0)), Number(trust.overall ?? 0)];
  if (points.length < 3) return null;
  const [width, height] = [240, 36];
  const draw = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const at = (value, index) => `${((index * width) / (points.length - 1)).toFixed(1)},${((1 - value) * height).toFixed(1)}`;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "trend", role: "img", "aria-label": "Trend" });
  svg.append(draw("line", { x1: 0, x2: width, y1: 0.7 * height, y2: 0.7 * height, class: "limit" }));
  svg.append(draw("polyline", { points: points.map(at).join(" ") }));
  return svg;
}

function showCycle(cycle) {
  if (!cycle) {
    view.cycle.replaceChildren(el("p.empty", {}, "No cycle has run yet."));
    return;
  }
  const when = new Date(cycle.create_time).toLocaleTimeString([], { timeStyle: "medium" });
  view.cycle.replaceChildren(
    el("p.empty", {}, `At ${when}: ${cycle.recommendations ?? 0} recommendations, ${cycle.outcomes ?? 0} outcomes.`),
    el("ul.insights", {}, ...(cycle.insights ?? []).map((insight) => el("li", { data: { kind: insight.kind } }, insight.text))),
    el("ul.insights.patterns", {}, ...(cycle.patterns ?? []).map(pattern)),
  );
}

function pattern({ kind, subject, agent_ids = [], successes = 0, outcomes = 0 }) {
  const name = kind.replace("PATTERN_KIND_", "").toLowerCase().replace("_", " ");
  return el("li", {}, el("strong", {}, name), ` ${subject}: ${successes} of ${outcomes} good (${agent_ids.join(", ")})`);
}

async function runCycle() {
  view.run.disabled = true;
  try {
    await client.json("/learning/cycles", { method: "POST", body: {} });
    page.say("");
    await reread();
  } catch (problem) {
    page.say(problem.message);
  } finally {
    view.run.disabled = false;
  }
}

/** Lets an element of a meter reach from one share of its width to another. */
function place(element, from, to) {
  element.style.left = percent(from);
  element.style.width = percent(Math.max(0, Number(to ?? 0) - Number(from ?? 0)));
}

const percent = (value) => `${(100 * Number(value ?? 0)).toFixed(0)}%`;

const signed = (value) => `${Number(value ?? 0) < 0 ? "−" : "+"}${Math.abs(Number(value ?? 0)).toFixed(2)}`;
