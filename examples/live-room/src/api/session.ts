import { useSyncExternalStore } from 'react';
import { createClient, fetchExchange } from 'urql';
import { SignInDocument, type SignInMutation } from '../generated/graphql.ts';
import { API_PATH } from './paths.ts';
import { createStore } from './store.ts';

/** Who is signed in in this tab: two tabs may be two people. */
export type Session = { token: string; expiresAt: string; viewer: { id: string; handle: string; displayName: string } };

const STORAGE_KEY = 'hadiya.session';
/** A token is replaced so long before it ends. */
const RENEW_BEFORE_MS = 60_000;

/** Signing in needs no token; the client of everything else asks here for its own. */
const anonymous = createClient({ url: API_PATH, exchanges: [fetchExchange], preferGetMethod: false });
const session = createStore<Session | undefined>(readKept());

/** Who is signed in now. */
export const currentSession = session.get;
/** Calls back when somebody signs in or out, or gets a new token. */
export const onSessionChange = session.subscribe;

/** Who is signed in, in components. */
export function useSession(): Session | undefined {
  return useSyncExternalStore(session.subscribe, session.get);
}

/** What `signIn` answers when it does not succeed, or undefined when nothing was answered. */
export type SignInProblem = Exclude<SignInMutation['signIn'], { __typename: 'SignInSuccess' }> | undefined;

/** Signs in by name alone, as the demo allows. Returns what is wrong, if anything is. */
export async function signIn(handle: string): Promise<{ problem: SignInProblem } | undefined> {
  const { data } = await anonymous.mutation(SignInDocument, { input: { handle } });
  const result = data?.signIn;
  if (result?.__typename !== 'SignInSuccess') return { problem: result };
  keep({ token: result.token, expiresAt: result.expiresAt, viewer: result.viewer });
  return undefined;
}

/** Signs out of this tab. */
export function signOut(): void {
  keep(undefined);
}

let renewal: ReturnType<typeof signIn> | undefined;

/** The token to send now: a new one when the old one is about to end. */
export async function freshToken(): Promise<string | undefined> {
  const now = session.get();
  if (!now) return undefined;
  if (Date.parse(now.expiresAt) - Date.now() > RENEW_BEFORE_MS) return now.token;
  await renewSession();
  return session.get()?.token;
}

/** Signs in anew as whoever is signed in; those who ask at the same time share it. False: nobody is, or it failed. */
export async function renewSession(): Promise<boolean> {
  const handle = session.get()?.viewer.handle;
  if (handle === undefined) return false;
  renewal ??= signIn(handle).finally(() => {
    renewal = undefined;
  });
  return (await renewal) === undefined;
}

function keep(next: Session | undefined): void {
  if (next) sessionStorage.setItem(STORAGE_KEY, JSON.stringify(next));
  else sessionStorage.removeItem(STORAGE_KEY);
  session.set(next);
}

function readKept(): Session | undefined {
  const text = sessionStorage.getItem(STORAGE_KEY);
  return text === null ? undefined : (JSON.parse(text) as Session);
}
