// What a lane felt, as a picture can use it: one distribution for each stretch of time.

export const QUIET = new Set(["NEUTRAL", "OTHER", "EMO_UNKNOWN"]);
const LEAST_SHARE = 0.12;
const LONGEST_BRIDGE_MS = 6000;

/** The emotions that a lane shows anywhere, in the call's order. */
export function shownEmotions(call, lane) {
  return call.emotions.filter(
    (emotion, index) => !QUIET.has(emotion) && call.segments.some((one) => one.lane === lane && one.shares[index] >= LEAST_SHARE),
  );
}

/** The share of an emotion in all that a lane says, 0..1. */
export function shareOf(call, lane, emotion) {
  const index = call.emotions.indexOf(emotion);
  let [sum, whole] = [0, 0];
  for (const one of call.segments) {
    if (one.lane !== lane || !one.speaks) continue;
    sum += one.shares[index] * (one.until - one.from);
    whole += one.until - one.from;
  }
  return whole ? sum / whole : 0;
}

/**
 * Points {from, until, value} of an emotion inside a view, those closer than `stepMs` joined to their mean: an hour
 * has more segments than a screen has columns.
 */
export function points(call, lane, emotion, { from, until }, stepMs) {
  const index = call.emotions.indexOf(emotion);
  const made = [];
  let last = null;
  for (const one of call.segments) {
    if (one.lane !== lane || !one.speaks || one.until < from - LONGEST_BRIDGE_MS) continue;
    if (one.from > until + LONGEST_BRIDGE_MS) break;
    const length = one.until - one.from;
    if (last && one.until - last.from < stepMs) {
      last.value = (last.value * last.weight + one.shares[index] * length) / (last.weight + length);
      last.weight += length;
      last.until = Math.max(last.until, one.until);
    } else {
      last = { from: one.from, until: one.until, value: one.shares[index], weight: length };
      made.push(last);
    }
  }
  return made;
}

/** Points in runs, so that no line crosses a long time in which the lane is quiet. */
export function runs(made, bridgeMs = LONGEST_BRIDGE_MS) {
  const found = [];
  for (const point of made) {
    const run = found.at(-1);
    if (run && point.from - run.at(-1).until <= bridgeMs) run.push(point);
    else found.push([point]);
  }
  return found;
}

/** The page's data, its arrays as records. */
export function readCall(id = "call-data") {
  const data = JSON.parse(document.getElementById(id).textContent);
  const unknown = data.emotions.indexOf("EMO_UNKNOWN");
  return {
    ...data,
    segments: data.segments.map(([from, until, lane, emotion, shares, number]) => ({
      from, until, lane, number,
      emotion: data.emotions[emotion],
      probability: shares[emotion] / 1000,
      shares: shares.map((share) => share / 1000),
      speaks: !(emotion === unknown && shares[unknown] > 900),
    })),
    events: data.events.map(([kind, lane, from, until, owner]) => ({ kind, lane, from, until, owner })),
    findings: data.findings.map(([severity, rule, from, until]) => ({ severity, rule, from, until })),
  };
}
