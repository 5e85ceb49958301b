import { keepToken, type Session } from './session.ts';

const SIGN_IN = `mutation SignIn($handle: String!) {
  signIn(input: { handle: $handle }) { ... on SignInSuccess { token expiresAt } ... on Error { message } }
}`;

/** Demo mode only, where anybody is let in as anybody: in production ask your identity provider for the token instead. */
export function demoSession(url: string, handle: string): Session {
  return keepToken(async () => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: SIGN_IN, variables: { handle } }),
    });
    const { data, errors } = await response.json();
    if (!data?.signIn.token) throw new Error(errors?.[0].message ?? data.signIn.message);
    return data.signIn;
  });
}
