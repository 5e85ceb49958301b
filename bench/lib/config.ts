import { SignJWT } from 'jose';
import { type Config, loadConfig } from '../../src/config.ts';

/** What servers under test check tokens with. Any text of the right length is as good. */
export const TOKEN_SECRET = 'the benchmarks sign their tokens themselves';
/** Longer than any benchmark. */
const TOKEN_LIFE = '6h';

/** The config of a Hadiya under test: any free port of this machine, tokens of ours, no limits, everything else as it comes. */
export function benchConfig(options: { databaseUrl: string; redisUrl?: string | undefined }): Config {
  return loadConfig({
    PORT: '0',
    HOST: '127.0.0.1',
    DATABASE_URL: options.databaseUrl,
    REDIS_URL: options.redisUrl,
    JWT_SECRET: TOKEN_SECRET,
    LOG_LEVEL: 'error',
    RATE_LIMIT_VIEWER: 'off',
    RATE_LIMIT_MONEY: 'off',
    RATE_LIMIT_COST_VIEWER: 'off',
  });
}

/** A token that Hadiya, and every baseline that checks tokens, takes for the viewer with that subject. */
export function signToken(subject: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setExpirationTime(TOKEN_LIFE)
    .sign(new TextEncoder().encode(TOKEN_SECRET));
}
