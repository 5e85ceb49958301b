import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from '../../db/database.ts';
import { insertLink, type LinkTarget, type ReportFormat, takeLink } from './links.repo.ts';
import { nameOf } from './quarters.ts';

/** How long a link holds. */
export const LINK_LIFE_MS = 5 * 60_000;
const KEY_SIZE = 32;
/** What a key looks like, before anything is asked of the database. */
const KEY = /^[A-Za-z0-9_-]{43}$/;

const ENDINGS: Readonly<Record<ReportFormat, string>> = { HTML: '', CSV: '.csv', JSON: '.json' };

/** A link that opens one report once. */
export type ReportLink = { path: string; expiresAt: Date };

/**
 * Makes a link with which a browser, that cannot send a token of its own accord, opens a report. It opens just that, once, and for a short
 * while: whoever finds it in a history or a log is too late. The database keeps the hash of its key only.
 */
export async function makeLink(
  sql: Queryable,
  viewerId: bigint,
  target: LinkTarget,
  lifeMs = LINK_LIFE_MS,
): Promise<ReportLink> {
  const key = randomBytes(KEY_SIZE).toString('base64url');
  const expiresAt = await insertLink(sql, { ...target, keyHash: hashOf(key), viewerId, lifeMs });
  return { path: `${pathOf(target)}?key=${key}`, expiresAt };
}

/** Uses a link up. Returns whose it was; undefined when it does not open this, was used, or has ended. */
export async function useLink(sql: Queryable, key: string, target: LinkTarget): Promise<bigint | undefined> {
  return KEY.test(key) ? takeLink(sql, hashOf(key), target) : undefined;
}

/** Where a report is. */
function pathOf({ quarter, format }: LinkTarget): string {
  return `/reports/${nameOf(quarter)}${ENDINGS[format]}`;
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
