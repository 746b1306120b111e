// Guests who talk to the house at a steady pace, for k6: each its own guest, a message a second.
//
// MAITRED_URL   where the gateway is
// GUESTS        how many guests
// MESSAGES      how many messages each of them sends, one a second
// SUMMARY       file that what was seen is written to, as JSON
import http from 'k6/http';
import { sleep } from 'k6';
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';

const GUESTS = Number(__ENV.GUESTS);
const MESSAGES = Number(__ENV.MESSAGES);
const PACE_MS = 1000;

// What guests say, and whether they end with an order.
const TALKS = [
  { at: 'coffee-bar', orders: true, says: ['Hi!', 'A latte with oat milk and a croissant, please', 'make it two croissants', 'is there nuts in the croissant?', 'yes, please'] },
  { at: 'coffee-bar', orders: true, says: ['Could I get two iced americanos?', 'and a blueberry muffin, warmed up', 'how much is that?', "yes, that's right"] },
  { at: 'coffee-bar', orders: true, says: ['Good morning', 'What teas do you have?', 'Then a peppermint tea, large', 'with honey', 'Yes, please'] },
  { at: 'coffee-bar', orders: true, says: ['one flat white and a bagel', 'actually, no bagel', "yes that's correct"] },
  { at: 'coffee-bar', orders: false, says: ['Hello', 'a matcha latte with coconut milk', 'do you have wifi?', 'no, forget it'] },
  { at: 'pizzeria', orders: true, says: ['Hello', 'A large margherita please', 'with olives', 'and a cola', 'yes'] },
  { at: 'pizzeria', orders: true, says: ['Which pizzas do you have?', 'a diavola with thin crust', 'make it two', 'Is it spicy?', 'Yes, order it'] },
  { at: 'pizzeria', orders: true, says: ['garlic bread and a calzone', 'without the garlic bread please', 'yes'] },
];

const messages = new Counter('messages');
const orders = new Counter('orders');
const problems = new Counter('problems');
const turns = new Trend('turns', true);
const late = new Trend('late', true);
const until = new Trend('until', true);

export const options = {
  scenarios: {
    guests: {
      executor: 'per-vu-iterations',
      vus: GUESTS,
      iterations: MESSAGES,
      maxDuration: `${MESSAGES * 3 + 60}s`,
    },
  },
  setupTimeout: '120s',
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max'],
};

// A guest and a conversation for each, before anyone is timed.
export function setup() {
  const tokens = [];
  for (let number = 0; number < GUESTS; number += 1) {
    const tenant = TALKS[number % TALKS.length].at;
    const answer = post('/api/v1/auth/guest', { tenant });
    if (answer.status >= 300) exec.test.abort(`no guest: ${answer.status} ${answer.body}`);
    tokens.push(answer.json('access_token'));
  }
  return { tokens, began: Date.now() + PACE_MS };
}

// One guest's conversation; k6 gives every guest a copy of this module.
let session = null;
let said = 0;

export default function ({ tokens, began }) {
  const guest = exec.vu.idInTest - 1;
  const talk = TALKS[guest % TALKS.length];
  // Guests do not speak in chorus.
  const due = began + exec.vu.iterationInScenario * PACE_MS + (guest * PACE_MS) / GUESTS;
  sleep(Math.max(0, due - Date.now()) / 1000);
  late.add(Math.max(0, Date.now() - due));
  if (session === null || said === talk.says.length) {
    const opened = post('/api/v1/sessions', {}, tokens[guest]);
    if (!isFine(opened)) return;
    session = opened.json('session_id');
    said = 0;
  }
  const text = talk.says[said];
  const answer = post(`/api/v1/sessions/${session}/messages`, { text }, tokens[guest]);
  messages.add(1);
  until.add(Date.now() - began);
  if (!isFine(answer)) return;
  turns.add(answer.timings.duration);
  said += 1;
  if (answer.json('order') !== null) orders.add(1);
  else if (talk.orders && said === talk.says.length) tell(`no order came of "${text}": ${answer.json('text')}`);
}

function post(path, body, token) {
  const headers = { 'content-type': 'application/json' };
  if (token) headers.authorization = `Bearer ${token}`;
  // A browser that keeps its cookie stays the guest it was.
  const jar = new http.CookieJar();
  return http.post(`${__ENV.MAITRED_URL}${path}`, JSON.stringify(body), { headers, jar });
}

function isFine(answer) {
  if (answer.status >= 200 && answer.status < 300) return true;
  tell(`${answer.status} ${answer.error} ${answer.body}`);
  // What was begun is not known; another conversation is.
  session = null;
  return false;
}

function tell(problem) {
  problems.add(1);
  console.error(problem);
}

export function handleSummary({ metrics }) {
  const seen = {
    seconds: metrics.until ? metrics.until.values.max / 1000 : 0,
    messages: count(metrics.messages),
    orders: count(metrics.orders),
    problems: count(metrics.problems),
    turns: metrics.turns ? metrics.turns.values : {},
    late: metrics.late ? metrics.late.values : {},
  };
  return { [__ENV.SUMMARY]: JSON.stringify(seen) };
}

function count(metric) {
  return metric ? metric.values.count : 0;
}
