import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose';

/** How long a demo token holds. */
export const DEMO_TOKEN_TTL_S = 60 * 60;
const CLOCK_TOLERANCE_S = 5;
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
export type Claims = { subject: string; expiresAt: Date; handle: string | undefined; displayName: string | undefined };

/** The outcome of checking a token: it holds, or why not. */
export type TokenCheck = { ok: true; claims: Claims } | { ok: false; reason: 'invalid' | 'expired' };

/** Checks tokens, and in demo mode issues them. */
export type Tokens = {
  check: (token: string) => Promise<TokenCheck>;
  /** Signs a demo token. Only the demo secret can. */
  issue: (subject: string) => Promise<{ token: string; expiresAt: Date }>;
};

/** Where keys come from: a secret shared with the identity provider (or the demo's own), or the provider's JWKS URL. */
export type TokenKeys = { secret: string } | { jwksUrl: string };

/** Tokens are JWTs. Algorithms are fixed by the kind of key, so a token cannot choose its own. */
export function createTokens(keys: TokenKeys): Tokens {
  const secret = 'secret' in keys ? new TextEncoder().encode(keys.secret) : undefined;
  const verify = secret ? verifierOfSecret(secret) : verifierOfJwks((keys as { jwksUrl: string }).jwksUrl);
  return {
    check: async (token) => {
      try {
        return { ok: true, claims: toClaims(await verify(token)) };
      } catch (error) {
        if (error instanceof errors.JWTExpired) return { ok: false, reason: 'expired' };
        if (error instanceof errors.JOSEError) return { ok: false, reason: 'invalid' };
        throw error;
      }
    },
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

function verifierOfSecret(secret: Uint8Array): (token: string) => Promise<JWTPayload> {
  return async (token) => (await jwtVerify(token, secret, options(['HS256']))).payload;
}

function verifierOfJwks(url: string): (token: string) => Promise<JWTPayload> {
  const keySet = createRemoteJWKSet(new URL(url));
  return async (token) => (await jwtVerify(token, keySet, options(ASYMMETRIC_ALGORITHMS))).payload;
}

function options(algorithms: string[]): JWTVerifyOptions {
  return { algorithms, requiredClaims: REQUIRED_CLAIMS, clockTolerance: CLOCK_TOLERANCE_S };
}

function toClaims(payload: JWTPayload): Claims {
  const text = (name: string) => (typeof payload[name] === 'string' ? (payload[name] as string) : undefined);
  return {
    subject: payload.sub!,
    expiresAt: new Date(payload.exp! * 1000),
    handle: text('preferred_username') ?? text('nickname'),
    displayName: text('name'),
  };
}
