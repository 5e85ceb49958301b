import {
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
  SignJWT,
} from 'jose';
import type { Logger } from 'pino';
import { Lru } from '../../kernel/lru.ts';
import { isStorable } from '../../kernel/text.ts';

/** How long a demo token holds. */
export const DEMO_TOKEN_TTL_S = 60 * 60;
/** How long a token that held is taken at its word: a key that the provider withdraws counts for so much longer. */
export const REMEMBER_MS_MAX = 30_000;
/** Characters of tokens that are remembered. They have some hundred to a thousand each, and only those that held are. */
const REMEMBERED_CHARACTERS_MAX = 8 * 1024 * 1024;
const CLOCK_TOLERANCE_S = 5;
/** A longer token is nobody's: those of providers have some hundred to a few thousand characters. */
const TOKEN_CHARS_MAX = 16 * 1024;
/** A token that would hold for longer is a mistake of the provider's, and could not be taken back. */
const LIFETIME_S_MAX = 366 * 24 * 60 * 60;
/** What a token may say that it is. Others, such as `logout+jwt`, are signed by the same keys for other purposes. */
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'jwt', 'at+jwt']);
const REQUIRED_CLAIMS = ['sub', 'exp'];
const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];

/** What a token says, once its signature and times were checked. */
export type Claims = {
  subject: string;
  expiresAt: Date;
  handle: string | undefined;
  displayName: string | undefined;
  /** As 2001-12-31. */
  birthDate: string | undefined;
  /** ISO 3166-1 alpha-2. */
  region: string | undefined;
};

/** The outcome of checking a token: it holds, or why not. */
export type TokenCheck = { ok: true; claims: Claims } | { ok: false; reason: 'invalid' | 'expired' | 'unavailable' };

/** Checks tokens, and in demo mode issues them. */
export type Tokens = {
  check: (token: string) => Promise<TokenCheck>;
  /** Signs a demo token. Only the demo secret can. */
  issue: (subject: string) => Promise<{ token: string; expiresAt: Date }>;
};

/** Where keys come from: a secret shared with the identity provider (or the demo's own), or the provider's JWKS URL. */
export type TokenKeys = { secret: string } | { jwksUrl: string };

/** What a token must say beside that: whom it is for and who made it. Undefined: anything. */
export type TokenScope = { audience?: string | undefined; issuer?: string | undefined };

/** The identity provider does not answer, or not with keys. */
class KeysUnavailableError extends Error {}

/** Tokens are JWTs. Algorithms are fixed by the kind of key, so a token cannot choose its own. */
export function createTokens(keys: TokenKeys, log: Logger, scope: TokenScope = {}): Tokens {
  const secret = 'secret' in keys ? new TextEncoder().encode(keys.secret) : undefined;
  const verify = secret
    ? verifierOfSecret(secret, scope)
    : verifierOfJwks((keys as { jwksUrl: string }).jwksUrl, scope);
  return {
    check: remember(async (token) => {
      if (token.length > TOKEN_CHARS_MAX) return { ok: false, reason: 'invalid' };
      try {
        const { payload, protectedHeader } = await verify(token);
        return isText(payload.sub) && isTimely(payload) && isAccess(protectedHeader.typ)
          ? { ok: true, claims: toClaims(payload) }
          : { ok: false, reason: 'invalid' };
      } catch (error) {
        if (error instanceof errors.JWTExpired) return { ok: false, reason: 'expired' };
        if (error instanceof errors.JOSEError) return { ok: false, reason: 'invalid' };
        if (error instanceof KeysUnavailableError) {
          log.warn({ err: error.cause }, 'the keys at JWKS_URL cannot be had: tokens cannot be checked');
          return { ok: false, reason: 'unavailable' };
        }
        throw error;
      }
    }),
    issue: async (subject) => {
      if (!secret) throw new Error('only a server that holds the secret can issue tokens');
      const expiresAt = new Date((Math.floor(Date.now() / 1000) + DEMO_TOKEN_TTL_S) * 1000);
      const token = await new SignJWT()
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(expiresAt)
        .sign(secret);
      return { token, expiresAt };
    },
  };
}

/** Checking a signature costs more CPU than most requests, and a client sends the same token with each of them. */
function remember(check: Tokens['check']): Tokens['check'] {
  const remembered = new Lru<{ check: TokenCheck; untilMs: number }>(REMEMBERED_CHARACTERS_MAX);
  return async (token) => {
    const known = remembered.get(token);
    if (known && Date.now() < known.untilMs) return known.check;
    const fresh = await check(token);
    if (fresh.ok) {
      const untilMs = Math.min(Date.now() + REMEMBER_MS_MAX, fresh.claims.expiresAt.getTime());
      remembered.set(token, { check: fresh, untilMs }, token.length);
    } else remembered.delete(token);
    return fresh;
  };
}

type Verify = (token: string) => Promise<JWTVerifyResult>;

function verifierOfSecret(secret: Uint8Array, scope: TokenScope): Verify {
  return (token) => jwtVerify(token, secret, options(['HS256'], scope));
}

function verifierOfJwks(url: string, scope: TokenScope): Verify {
  const keySet = createRemoteJWKSet(new URL(url));
  const findKey: JWTVerifyGetKey = async (header, token) => {
    try {
      return await keySet(header, token);
    } catch (error) {
      // That the key set has no such key says something about the token; anything else, about the provider.
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      throw new KeysUnavailableError('no key set', { cause: error });
    }
  };
  return (token) => jwtVerify(token, findKey, options(ASYMMETRIC_ALGORITHMS, scope));
}

function options(algorithms: string[], { audience, issuer }: TokenScope): JWTVerifyOptions {
  return { algorithms, requiredClaims: REQUIRED_CLAIMS, clockTolerance: CLOCK_TOLERANCE_S, audience, issuer };
}

/** Whether a token was issued before now, if it says when, and ends in a time that somebody can mean. */
function isTimely({ iat, exp }: JWTPayload): boolean {
  const nowS = Date.now() / 1000;
  if (iat !== undefined && !(typeof iat === 'number' && iat <= nowS + CLOCK_TOLERANCE_S)) return false;
  return exp! <= nowS + LIFETIME_S_MAX;
}

/** Whether a token is one to get in with. */
function isAccess(typ: unknown): boolean {
  return TYPES.has(typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ);
}

/** Whether a claim is text that can be stored; jose looks at its presence only. */
function isText(claim: unknown): claim is string {
  return typeof claim === 'string' && claim !== '' && isStorable(claim);
}

function toClaims(payload: JWTPayload): Claims {
  const text = (name: string) => (isText(payload[name]) ? payload[name] : undefined);
  return {
    subject: payload.sub!,
    expiresAt: new Date(payload.exp! * 1000),
    handle: text('preferred_username') ?? text('nickname'),
    displayName: text('name'),
    birthDate: isDate(payload.birthdate) ? payload.birthdate : undefined,
    region: countryOf(payload),
  };
}

/** OpenID Connect's `birthdate`, where it is a day that there was; providers also send a year alone, or one of 0000. */
function isDate(claim: unknown): claim is string {
  if (typeof claim !== 'string' || !/^(19|20)\d\d-\d\d-\d\d$/.test(claim)) return false;
  const date = new Date(`${claim}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(claim) && date.getTime() < Date.now();
}

/** The country of OpenID Connect's `address`, or a claim `country`, where it is a code of two letters. */
function countryOf(payload: JWTPayload): string | undefined {
  const address = payload.address as { country?: unknown } | null | undefined;
  const country = [address?.country, payload.country].find((claim) => typeof claim === 'string');
  return typeof country === 'string' && /^[A-Za-z]{2}$/.test(country) ? country.toUpperCase() : undefined;
}
