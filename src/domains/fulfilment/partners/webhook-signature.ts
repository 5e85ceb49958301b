import { createHmac, timingSafeEqual } from 'node:crypto';

/** The header that a partner signs its webhooks in: `t=<seconds since 1970>,v1=<hex>`. */
export const SIGNATURE_HEADER = 'hadiya-signature';
/** How old a signature may be, and how far ahead of our clock its own may be. */
export const SIGNATURE_AGE_S_MAX = 300;
export const SIGNATURE_AHEAD_S_MAX = 30;

/** Signs a body: HMAC-SHA256 over `<seconds>.<body>`. What partners do; here it also checks them. */
export function signWebhook(secret: string, timeS: number, body: Buffer | string): string {
  const hmac = createHmac('sha256', secret).update(`${timeS}.`).update(body).digest('hex');
  return `t=${timeS},v1=${hmac}`;
}

/** Whether a header is this secret's signature of the body, made a moment ago. Takes as long for a wrong one as for a right one. */
export function isSigned(
  header: unknown,
  { secret, body, nowS }: { secret: string; body: Buffer; nowS: number },
): boolean {
  const [, time] = (typeof header === 'string' && /^t=(\d{1,12}),v1=[0-9a-f]{64}$/.exec(header)) || [];
  if (time === undefined) return false;
  const expected = Buffer.from(signWebhook(secret, Number(time), body));
  const given = Buffer.from(header as string);
  const isSame = given.length === expected.length && timingSafeEqual(given, expected);
  const ageS = nowS - Number(time);
  return isSame && ageS <= SIGNATURE_AGE_S_MAX && -ageS <= SIGNATURE_AHEAD_S_MAX;
}
