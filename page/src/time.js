// Moments in time, as nanoseconds since 1970: RFC 3339 in and out.

const FORM =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+\u2212-])(\d{2}):(\d{2}))$/;
export const SECOND = 1_000_000_000n;
/** How far the clock of whoever made a statement may be ahead of ours. */
export const CLOCK_SKEW = 300n * SECOND;

/** Null for anything that is no RFC 3339. */
export function parseTime(text) {
  const found = FORM.exec(text);
  if (found === null) return null;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const fraction = BigInt((found[7] ?? "").slice(0, 9).padEnd(9, "0"));
  const offset = Number(found[9] ?? 0) * 60 + Number(found[10] ?? 0);
  const good = hour < 24 && minute < 60 && second <= 60 && Number(found[9] ?? 0) < 24 && Number(found[10] ?? 0) < 60;
  const start = dayStart(year, month, day);
  if (start === null || !good) return null;
  const seconds = start + BigInt(hour * 3600 + minute * 60 + second - (found[8] === "+" ? offset : -offset) * 60);
  return seconds * SECOND + fraction;
}

/** Seconds since 1970 at the beginning of a day; null when there is no such day. */
export function dayStart(year, month, day) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const same = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return same && month >= 1 && day >= 1 ? BigInt(date.getTime() / 1000) : null;
}

/** A day, of which the last second is meant, or RFC 3339; null for anything else. */
export function parseClock(text) {
  return parseTime(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T23:59:59Z` : text);
}

/** As in a statement: with as many digits of a second as there are, by threes. */
export function written(time) {
  const { day, clock, fraction } = parts(time);
  return `${day}T${clock}${fraction}Z`;
}

/** As in a sentence. */
export function shown(time) {
  const { day, clock, fraction } = parts(time);
  return `${day} ${clock}${fraction} UTC`;
}

function parts(time) {
  let seconds = time / SECOND;
  let nanos = time % SECOND;
  if (nanos < 0n) {
    nanos += SECOND;
    seconds -= 1n;
  }
  const iso = new Date(Number(seconds) * 1000).toISOString();
  const digits = nanos.toString().padStart(9, "0");
  const fraction = nanos === 0n ? "" : `.${digits.replace(/(?:000){1,2}$/, "")}`;
  return { day: iso.slice(0, 10), clock: iso.slice(11, 19), fraction };
}
