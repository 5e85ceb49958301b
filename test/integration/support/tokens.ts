/** Tokens as an identity provider signs them, and as others would like to. */
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';

/** The secret that the provider and the server share. */
export const SECRET = 'a secret that only the tests and their server know';
const HOUR_S = 3_600;

/** Seconds since 1970, as tokens count. */
export function nowS(): number {
  return Math.floor(Date.now() / 1000);
}

/** A token with these claims. It lasts an hour unless they say otherwise; a claim that is undefined is left out. */
export function signToken(claims: JWTPayload, secret = SECRET): Promise<string> {
  return new SignJWT({ exp: nowS() + HOUR_S, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}

/** Tokens that do not hold, each for a reason of its own. */
export async function badTokens(sub: string): Promise<[what: string, token: string, message: RegExp][]> {
  const good = await signToken({ sub });
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const raised = Buffer.from(JSON.stringify({ sub: 'somebody else', exp: nowS() + HOUR_S })).toString('base64url');
  return [
    ['garbage', 'garbage', /not valid/],
    ['three parts of garbage', 'a.b.c', /not valid/],
    ['signed with another secret', await signToken({ sub }, 'a secret that somebody has made up'), /not valid/],
    ['with a changed payload', `${header}.${raised}.${signature}`, /not valid/],
    ['without a signature', `${header}.${payload}.`, /not valid/],
    ['with alg none', new UnsecuredJWT({ sub, exp: nowS() + HOUR_S }).encode(), /not valid/],
    ['expired', await signToken({ sub, exp: nowS() - HOUR_S }), /expired/],
    ['not valid yet', await signToken({ sub, nbf: nowS() + HOUR_S }), /not valid/],
    ['without exp', await signToken({ sub, exp: undefined }), /not valid/],
    ['without sub', await signToken({}), /not valid/],
    ['with an empty sub', await signToken({ sub: '' }), /not valid/],
    ['with a sub that is a number', await signToken({ sub: 5 as never }), /not valid/],
    ['with a sub that is a list', await signToken({ sub: ['a'] as never }), /not valid/],
    ['with a NUL in its sub', await signToken({ sub: 'a\0b' }), /not valid/],
    ['with an exp that is a text', await signToken({ sub, exp: 'tomorrow' as never }), /not valid/],
  ];
}
