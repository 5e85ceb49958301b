import { randomInt } from 'node:crypto';
import type { Database } from '../../db/database.ts';
import { brokeConstraint } from '../../db/sql-errors.ts';
import { InvalidInputError } from '../../kernel/errors.ts';
import { toReadable } from '../../kernel/text.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import type { Accounts, Actor, Authentication } from './accounts.api.ts';
import { drawViewerId, findBySubject, insertViewer, type ViewerRow } from './accounts.repo.ts';
import { Ages } from './ages.ts';
import { RegionRules } from './region-rules.ts';
import type { Claims, Tokens } from './tokens.ts';

/** Viewers whose profile is kept in memory between requests. */
const PROFILE_CACHE_SIZE_MAX = 10_000;
/** Attempts at finding a free handle for a viewer of an identity provider. */
const HANDLE_ATTEMPTS_MAX = 5;
const HANDLE_LENGTH_MAX = 30;
const DISPLAY_NAME_LENGTH_MAX = 50;
/** Whoever signs in to the demo is taken for an adult, from anywhere. */
const DEMO_CLAIMS = { displayName: undefined, birthDate: '1990-01-01', region: undefined };
/** As the database checks it. */
const HANDLE_PATTERN = /^[a-z0-9][a-z0-9_.]{1,29}$/;

type AccountsDeps = {
  db: Database;
  tokens: Tokens;
  wallets: Wallets;
  /** Subjects of those who run the platform. */
  operators: ReadonlySet<string>;
};

/** Builds the accounts domain. */
export function createAccounts(deps: AccountsDeps): Accounts {
  const service = new AccountsService(deps);
  return {
    authenticate: (token) => service.authenticate(token),
    signIn: (handle) => service.signIn(handle),
    ages: new Ages(deps.db),
    regions: new RegionRules(deps.db),
  };
}

class AccountsService {
  /** By subject, oldest first. A viewer's profile never changes after its creation. */
  readonly #profiles = new Map<string, ViewerRow>();

  constructor(private readonly deps: AccountsDeps) {}

  async authenticate(token: string | undefined): Promise<Authentication> {
    if (!token) return { actor: undefined, tokenProblem: 'missing' };
    const check = await this.deps.tokens.check(token);
    if (!check.ok) return { actor: undefined, tokenProblem: check.reason };
    const viewer = await this.#viewerOf(check.claims);
    return { actor: this.#toActor(viewer, check.claims.expiresAt), tokenProblem: undefined };
  }

  async signIn(handle: string): Promise<{ token: string; expiresAt: Date; viewer: Actor }> {
    const normal = handle.trim().replace(/^@/, '').toLowerCase();
    if (!HANDLE_PATTERN.test(normal)) {
      throw new InvalidInputError([
        {
          path: 'input.handle',
          message: 'A handle has 2 to 30 characters: a–z, 0–9, "_" and ".", and starts with a letter or digit.',
        },
      ]);
    }
    const subject = `demo:${normal}`;
    const { token, expiresAt } = await this.deps.tokens.issue(subject);
    const viewer = await this.#viewerOf({ ...DEMO_CLAIMS, subject, expiresAt, handle: normal });
    return { token, expiresAt, viewer: this.#toActor(viewer, expiresAt) };
  }

  #toActor({ id, subject, handle, displayName }: ViewerRow, expiresAt: Date): Actor {
    return { id, handle, displayName, expiresAt, isOperator: this.deps.operators.has(subject) };
  }

  async #viewerOf(claims: Claims): Promise<ViewerRow> {
    const cached = this.#profiles.get(claims.subject);
    if (cached) return cached;
    const viewer = (await findBySubject(this.deps.db.pool, claims.subject)) ?? (await this.#create(claims));
    if (this.#profiles.size >= PROFILE_CACHE_SIZE_MAX) {
      this.#profiles.delete(this.#profiles.keys().next().value as string);
    }
    this.#profiles.set(claims.subject, viewer);
    return viewer;
  }

  /** The first token of a subject makes the viewer. Its handle is the one it asks for, or that one with a number if it is taken. */
  async #create(claims: Claims): Promise<ViewerRow> {
    const wanted = toHandle(claims.handle ?? claims.subject);
    for (let attempt = 1; attempt <= HANDLE_ATTEMPTS_MAX; attempt++) {
      const handle =
        attempt === 1 ? wanted : `${wanted.slice(0, HANDLE_LENGTH_MAX - 6)}${randomInt(100_000, 1_000_000)}`;
      const created = await this.#insert(claims, handle);
      // Not inserted: a parallel request made this viewer, or the handle belongs to somebody else.
      const viewer = created ?? (await findBySubject(this.deps.db.pool, claims.subject));
      if (viewer) return viewer;
    }
    throw new Error(`no free handle found near ${wanted}`);
  }

  /** Viewer and wallet together, or neither. Returns undefined when the subject or the handle is taken. */
  async #insert(claims: Claims, handle: string): Promise<ViewerRow | undefined> {
    const displayName = [...(toReadable(claims.displayName ?? '') || toDisplayName(handle))]
      .slice(0, DISPLAY_NAME_LENGTH_MAX)
      .join('');
    try {
      return await this.deps.db.inTransaction(async (sql) => {
        const id = await drawViewerId(sql);
        const walletId = await this.deps.wallets.open(sql, id);
        const { subject, birthDate, region } = claims;
        return insertViewer(sql, { id, subject, handle, displayName, walletId, birthDate, region });
      });
    } catch (error) {
      if (brokeConstraint(error, 'viewer_subject_key') || brokeConstraint(error, 'viewer_handle_key')) return undefined;
      throw error;
    }
  }
}

function toHandle(text: string): string {
  const handle = text
    .toLowerCase()
    .replace(/[^a-z0-9_.]+/g, '')
    .replace(/^[_.]+/, '')
    .slice(0, HANDLE_LENGTH_MAX);
  return handle.length >= 2 ? handle : `viewer${randomInt(100_000, 1_000_000)}`;
}

function toDisplayName(handle: string): string {
  return handle[0]!.toUpperCase() + handle.slice(1);
}
